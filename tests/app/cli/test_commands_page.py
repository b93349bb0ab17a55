"""README and docs/commands.md say what the command line really takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from untilclick.app.cli.main import app
from untilclick.app.settings.commands import TABLES

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "docs" / "commands.md"]
COMMAND_PAGE = PAGES[1].read_text(encoding="utf-8")


def _calls():
    """Every line of a page that starts with the command, the continuation of long lines included."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        for line in text.splitlines():
            if line.strip().startswith("untilclick "):
                yield pytest.param(line.strip(), id=f"{page.name}: {line.strip()}")


def _parse(call: str) -> None:
    """Let the command line's own parser read a call, without running it."""
    name, *words = shlex.split(call)
    command = get_command(app)
    context = command.make_context(name, words)
    while hasattr(command, "commands"):
        words = [*context._protected_args, *context.args]
        command = command.commands[words[0]]
        context = command.make_context(words[0], words[1:], parent=context)


@pytest.mark.parametrize("call", list(_calls()))
def test_every_documented_call_is_understood(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (toml,) = re.findall(r"```toml\n(.*?)```", COMMAND_PAGE, re.DOTALL)
    (tmp_path / "untilclick.toml").write_text(toml, encoding="utf-8")
    _parse(call)


def test_a_call_with_an_unknown_option_would_be_found():
    with pytest.raises(Exception, match="No such option"):
        _parse("untilclick demo --nothing")


def test_every_command_is_on_the_page():
    tree = get_command(app)
    names = {name for name, command in tree.commands.items() if not hasattr(command, "commands")}
    names |= {
        f"{name} {child}"
        for name, group in tree.commands.items()
        if hasattr(group, "commands")
        for child in group.commands
    }
    assert {name for name in names if f"`{name}`" not in COMMAND_PAGE} == set()


def test_every_settings_table_is_on_the_page():
    for table in TABLES:
        kind = "".join(part.title() for part in table.split("_")).replace("Ppo", "PPO") + "Config"
        assert f"`{kind}`" in COMMAND_PAGE or f"[{table}]" in COMMAND_PAGE


def test_every_folder_in_the_tree_of_the_readme_exists():
    tree = (ROOT / "README.md").read_text(encoding="utf-8").split("## What is where")[1].split("##")[0]
    folders = [line.split()[0] for line in tree.splitlines() if line.startswith("    ")]
    assert len(folders) == 7
    assert [name for name in folders if not (ROOT / name).is_dir()] == []
