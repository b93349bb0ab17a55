"""Finds the packages of the three top-level folders and puts them below `untilclick`, which pyproject.toml cannot."""

from setuptools import find_namespace_packages, setup

FOLDERS = ("app", "rewriter", "search")
NAMES = [
    name
    for folder in FOLDERS
    for name in find_namespace_packages(include=(folder, f"{folder}.*"), exclude=("*__pycache__*",))
]

setup(packages=[f"untilclick.{name}" for name in NAMES])
