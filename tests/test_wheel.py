"""The wheel, built and installed beside another project's folders of the same names."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("app", "rewriter", "search")
BUILT_FROM = (*FOLDERS, "pyproject.toml", "setup.py", "README.md", "LICENSE")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of this checkout, built in a copy of it."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        ignored = shutil.ignore_patterns("__pycache__")
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name, **({"ignore": ignored} if (ROOT / name).is_dir() else {}))
    folder = tmp_path_factory.mktemp("wheel")
    command = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source]
    subprocess.run([sys.executable, *command], check=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def beside_others(wheel, tmp_path_factory) -> dict[str, str]:
    """The environment of a project with folders of the same names that installed the wheel."""
    installed, project = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("project")
    command = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", installed, wheel]
    subprocess.run([sys.executable, *command], check=True, timeout=120)
    for name in FOLDERS:
        (project / name).mkdir()
        (project / name / "__init__.py").write_text("raise RuntimeError('of another project')\n", encoding="utf-8")
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(project), str(installed)))}


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel):
    expected = {
        f"untilclick/{path.relative_to(ROOT).as_posix()}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        files = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert files == expected
    assert {f"untilclick/{folder}/py.typed" for folder in FOLDERS} <= files


def _run(environment: dict[str, str], folder: Path, *arguments: str) -> str:
    code = "from untilclick.app.cli.main import main; main()"
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_works_beside_folders_of_the_same_names(beside_others, tmp_path):
    """A first wheel installed `app`, `rewriter` and `search`: a project with an `app/` of its own broke it."""
    place = subprocess.run(
        [sys.executable, "-c", "import untilclick.app as a; print(a.__file__)"],
        cwd=tmp_path,
        env=beside_others,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ROOT not in Path(place.stdout.strip()).parents
    documents = tmp_path / "documents.jsonl"
    documents.write_text('{"_id": "a", "title": "Cats", "text": "Cats purr."}\n', encoding="utf-8")
    assert _run(beside_others, tmp_path, "--version").startswith("untilclick ")
    assert "demo" in _run(beside_others, tmp_path, "--help")
    answer = json.loads(_run(beside_others, tmp_path, "search", "cat", "--data", str(documents), "--json"))
    assert "Cats" in json.dumps(answer)
