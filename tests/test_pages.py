"""Pages for contributors and README: what they name exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("search", "rewriter", "app")
REVISIONS = "log/migrations/versions"
"""Folder of schema revisions; it does not count as a room."""
MAX_FILES, MAX_ROOMS = 14, 10
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SOURCE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Source"]


def _rooms(package: str) -> set[str]:
    """Folders of a package that hold modules, by their path inside it."""
    folders = {path.parent.relative_to(ROOT / package) for path in (ROOT / package).rglob("*.py")}
    return {folder.as_posix() for folder in folders if folder.parts and folder.as_posix() != REVISIONS}


def _tree() -> dict[str, dict[str, str]]:
    """Package -> entry of the tree -> its purpose."""
    tree: dict[str, dict[str, str]] = {}
    for line in ARCHITECTURE.splitlines():
        if match := re.fullmatch(r"    (\w+)/ {2,}\S.*", line):
            tree[match[1]] = {}
        elif match := re.fullmatch(r"      ([\w./]+?)/? {1,}(\S.*)", line):
            tree[list(tree)[-1]][match[1]] = match[2]
    return tree


@pytest.mark.parametrize("package", PACKAGES)
def test_the_tree_has_every_room_with_its_purpose(package):
    entries = _tree()[package]
    rooms = {name for name in entries if not name.endswith(".py")} - {"static"}
    assert rooms == _rooms(package)
    assert all((ROOT / package / name).exists() for name in entries)
    assert all(len(purpose) > 20 for purpose in entries.values())


def test_the_picture_shows_every_room_of_the_first_level():
    picture = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    shown = set(re.findall(r'class="n"[^>]*>([\w]+)<', picture))
    assert shown == {room for package in PACKAGES for room in _rooms(package) if "/" not in room}


def test_the_picture_numbers_as_many_steps_as_the_tables_have():
    picture = (ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    for journey, mark in (("A query", "q"), ("A click", "c"), ("A session into PPO", "l")):
        section = ARCHITECTURE.split(f"## {journey}\n")[1].split("\n## ")[0]
        steps = len(re.findall(r"^\| \d+ \|", section, re.MULTILINE))
        assert picture.count(f'<circle class="{mark}"') == steps + 1, journey  # and one in the legend


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_are_few_and_small(package):
    files = {
        room: [p for p in (ROOT / package / room).glob("*.py") if p.stem != "__init__"] for room in _rooms(package)
    }
    assert {room: len(paths) for room, paths in files.items() if len(paths) > MAX_FILES} == {}
    assert len({room for room in _rooms(package) if "/" not in room}) <= MAX_ROOMS


def test_the_journeys_name_files_and_definitions_that_are_there():
    rows = [line.split("|")[2] for line in ARCHITECTURE.splitlines() if re.match(r"\| \d+ \|", line)]
    assert len(rows) >= 17
    missing = []
    for row in rows:
        source = ""
        for name in re.findall(r"`([^`]+)`", row):
            if "/" in name:
                assert (ROOT / name).is_file(), name
                source = (ROOT / name).read_text(encoding="utf-8")
            elif not all(re.search(rf"(?:def|class) {part}\b", source) for part in name.split(".")):
                missing.append(name)
    assert missing == []


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_of_the_page_is_there(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    paths = {name for name in re.findall(r"`((?:search|rewriter|app|tests|docs|docker)/[\w./]+)`", text)}
    assert len(paths) > 10
    assert {name for name in paths if "NAME" not in name and not (ROOT / name).exists()} == set()


NAMED = [
    "ENGINE_NAMES",
    "open_engine",
    "ENGINE_SETTINGS",
    "EXTRAS",
    "EngineName",
    "RewardName",
    "make_reward",
    "BaselineInput",
    "ParameterChoice",
    "COMPARED",
    "click_model",
    "SearchEngine",
    "ClickModel",
    "System",
]


@pytest.mark.parametrize("name", NAMED)
def test_names_that_a_contributor_looks_for_are_defined(name):
    assert f"`{name}`" in CONTRIBUTING
    sources = (path.read_text(encoding="utf-8") for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    assert any(re.search(rf"^(?:def |class )?{name}\b", source, re.MULTILINE) for source in sources)


def test_readme_reads_on_an_index_page():
    """Its links are absolute there, and each leads to a file of the repository."""
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert len(targets) > 10
    raw = SOURCE.replace("https://github.com", "https://raw.githubusercontent.com")
    for target in targets:
        path = target.partition("#")[0].removeprefix(f"{SOURCE}/blob/main/").removeprefix(f"{raw}/main/")
        assert path != target.partition("#")[0], f"{target} is not absolute"
        assert (ROOT / path).is_file(), target


def test_readme_begins_with_the_demo_and_the_tests():
    commands = re.findall(r"^    (\S.*)$", README, re.MULTILINE)
    assert commands[:2] == ["make demo", "make test"]
