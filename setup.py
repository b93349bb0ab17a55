"""What pyproject.toml cannot say: the packages, found below the three folders at the top, lie below `untilclick`."""

from setuptools import find_packages, setup

FOLDERS = ("app", "rewriter", "search")
FOUND = [name for folder in FOLDERS for name in find_packages(include=(folder, f"{folder}.*"))]

setup(packages=[f"untilclick.{name}" for name in FOUND])
