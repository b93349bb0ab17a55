"""Every name that users write: options of commands, settings of stages and of the service, variables, tables.

`data/options.json` lists what version 0.1.0 had. Settings are asked for as users meet them: a name that nobody knows
is answered with those there are, a value of the wrong kind with the right kind. What each setting becomes is read by
`stage_settings` and `settings_of_service` below, which alone know how settings are kept.
"""

from __future__ import annotations

import inspect
import json
import re
import types
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest
import typer
from pydantic import SecretStr
from typer.main import get_command
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.cli.serve import service_settings
from untilclick.app.settings.commands import CommandSettings, SettingsFile
from untilclick.rewriter.config import BaseConfig, OfflineConfig, PolicyConfig, PPOConfig, WarmStartConfig
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
from untilclick.rewriter.flat_settings import flat
from untilclick.rewriter.language.subword_settings import (
    SubwordBaseConfig,
    SubwordConfig,
    SubwordPPOConfig,
    SubwordWarmStartConfig,
)
from untilclick.rewriter.stages.train_trlx import main as train_trlx
from untilclick.search.corpora.stdlib_docs import cache_directory
from untilclick.search.errors import UntilclickError
from untilclick.search.users.simulate import SimulateConfig
from untilclick.search.users.user import UserConfig

OPTIONS = json.loads((Path(__file__).parent / "data" / "options.json").read_text(encoding="utf-8"))
NOBODYS = "zzzzzzzzzzzz"
"""A name that is like no other."""

KINDS = {
    "user": UserConfig,
    "simulate": SimulateConfig,
    "policy": PolicyConfig,
    "base": BaseConfig,
    "warm_start": WarmStartConfig,
    "ppo": PPOConfig,
    "offline": OfflineConfig,
    "evaluate": EvaluateConfig,
    "subword": SubwordConfig,
    "base of subwords": SubwordBaseConfig,
    "warm_start of subwords": SubwordWarmStartConfig,
    "ppo of subwords": SubwordPPOConfig,
}
"""A configuration by its table, and by what it is for where a table has two."""

ENOUGH = {
    "demo": (),
    "simulate": ("--log", "log.db"),
    "train base": ("--out", "run"),
    "train base of subwords": ("--out", "run", "--base", "t5"),
    "train warm-start": ("--log", "log.db", "--out", "run"),
    "train warm-start of subwords": ("--log", "log.db", "--out", "subwords"),
    "train ppo": ("--log", "log.db", "--out", "run"),
    "train ppo of subwords": ("--log", "log.db", "--out", "subwords"),
    "train offline": ("--log", "log.db", "--out", "run"),
    "evaluate": ("--model", "run", "--out", "evaluation"),
    "renew": ("--log", "log.db", "--models", "models", "--out", "run"),
    "index": (),
    "serve": (),
}
"""Options that a command cannot do without, by command and, where it matters, kind of policy."""


def stage_settings(kind: str, given: CommandSettings) -> dict[str, object]:
    """What a stage is told, as JSON holds it, by the names that users write."""
    values = flat(given.stage(KINDS[kind], kind.partition(" ")[0]))
    values = {name: asdict(value) if is_dataclass(value) else value for name, value in values.items()}
    return {name: values[name] for name in OPTIONS["settings"][kind]}


def settings_of_service(given: CommandSettings) -> dict[str, object]:
    """The same for the service."""
    settings = service_settings(given).by_name()
    values = {name: settings[name] for name in OPTIONS["settings"]["service"]}
    return json.loads(json.dumps(values, default=_shown))


def _shown(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def settings(kind: str, given: CommandSettings) -> dict[str, object]:
    """The settings of a stage, or of the service."""
    return settings_of_service(given) if kind == "service" else stage_settings(kind, given)


# The commands and their options


def all_commands() -> Iterator[tuple[str, object]]:
    """Every command with its name, the group at the top included."""
    waiting = [("untilclick", get_command(app))]
    while waiting:
        name, command = waiting.pop(0)
        yield name, command
        children = getattr(command, "commands", {}).items()
        waiting += [(f"{name} {child}".removeprefix("untilclick "), one) for child, one in children]
    script = typer.Typer(add_completion=False)
    script.command()(train_trlx)
    yield "train_trlx", get_command(script)


def options_of(command) -> dict[str, dict[str, object]]:
    """The options and arguments of a command, by the names that a settings file has for them."""
    hints = get_type_hints(inspect.unwrap(command.callback)) if command.callback else {}
    return {
        one.name: {
            "flags": [*one.opts, *one.secondary_opts],
            "type": type_name(hints[one.name]),
            "default": json.loads(json.dumps(one.default, default=str)),
            "required": one.required,
            "variable": one.envvar,
            "many": bool(one.multiple),
            "bounds": [getattr(one, "min", None), getattr(one, "max", None)],
        }
        for one in command.params
    }


def type_name(annotation) -> str:
    """A type in words: `Path`, `int`, `tantivy | rank-bm25`, `list of str`."""
    if get_origin(annotation) is Literal:
        return " | ".join(get_args(annotation))
    if get_origin(annotation) in (types.UnionType, Union):
        return type_name(next(one for one in get_args(annotation) if one is not type(None)))
    if get_origin(annotation) is list:
        return f"list of {type_name(get_args(annotation)[0])}"
    return annotation.__name__


def is_kept(now: str, before: str) -> bool:
    """Whether a type takes what it took before: another choice may be added to it."""
    return set(before.split(" | ")) <= set(now.split(" | ")) if " | " in before else now == before


def test_every_command_has_its_options_with_types_and_defaults():
    """Commands, options and choices may be added; what was there stays as it was."""
    now = {name: options_of(command) for name, command in all_commands()}
    assert OPTIONS["commands"].keys() <= now.keys()
    for command, options in OPTIONS["commands"].items():
        assert options.keys() <= now[command].keys(), command
        for name, option in options.items():
            assert is_kept(now[command][name]["type"], option["type"]), (command, name)
            assert {**now[command][name], "type": option["type"]} == option, (command, name)


# Names of settings


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """What a command says that it refuses, in a folder with a trained base and warm start of subwords."""
    monkeypatch.chdir(tmp_path)
    for stage in ("base", "warm_start"):
        (tmp_path / "subwords" / stage).mkdir(parents=True)
        (tmp_path / "subwords" / stage / "subword.json").write_text("{}", encoding="utf-8")

    def refused(command, *arguments, **environment):
        words = command.removesuffix(" of subwords").split()
        done = CliRunner(env=environment).invoke(app, [*words, *ENOUGH.get(command, ()), *arguments])
        assert done.exit_code == 2, done.output
        return done.stderr

    return refused


def choice(message: str) -> list[str]:
    """The names that a message offers, in the order of letters: any other is left open."""
    return sorted(message.rpartition("Choose one of: ")[2].strip().split(", "))


@pytest.mark.parametrize(("command", "table"), [tuple(key.split("/")) for key in OPTIONS["names"]])
def test_a_command_takes_the_same_settings_from_everywhere(refused, tmp_path, command, table):
    names = OPTIONS["names"][f"{command}/{table}"]
    assert choice(refused(command, "--set", f"{table}.{NOBODYS}=1")) == names
    (tmp_path / "settings.toml").write_text(f"[{table}]\n{NOBODYS} = 1\n", encoding="utf-8")
    assert choice(refused(command, "--config", "settings.toml")) == names
    if table != "service":  # its variables have names of their own, and unknown ones may be another command's
        assert choice(refused(command, **{f"UNTILCLICK_{table.upper()}_{NOBODYS.upper()}": "1"})) == names


def test_the_settings_of_a_command_are_all_listed():
    """Where `names` lists no table for a command, the command has no `--set`."""
    with_set = {name for name, options in OPTIONS["commands"].items() if "overrides" in options}
    listed = {key.partition("/")[0].removesuffix(" of subwords") for key in OPTIONS["names"]}
    assert with_set - {"train_trlx"} == listed


def test_a_settings_file_has_the_same_tables_and_options(refused, tmp_path):
    (tmp_path / "settings.toml").write_text(f"[{NOBODYS}]\na = 1\n", encoding="utf-8")
    assert choice(refused("demo", "--config", "settings.toml")) == OPTIONS["tables"]
    (tmp_path / "settings.toml").write_text(f"{NOBODYS} = 1\n", encoding="utf-8")
    assert choice(refused("demo", "--config", "settings.toml")) == OPTIONS["options of a file"]
    message = refused("demo", "--set", NOBODYS)
    assert sorted(message.rpartition("with one of the tables ")[2].strip().split(", ")) == OPTIONS["tables"]


# Values of settings


SETTINGS = [(kind, name) for kind, names in OPTIONS["settings"].items() for name in names]


@cache
def defaults(kind: str) -> dict[str, object]:
    """The settings without anything given."""
    return settings(kind, CommandSettings())


def as_text(value: object) -> str:
    """A value as it is written in a variable or after `--set`."""
    return value if isinstance(value, str) else json.dumps(value)


def variable(kind: str, name: str) -> str:
    """The environment variable of a setting."""
    table = kind.partition(" ")[0]
    return f"UNTILCLICK_{name}".upper() if kind == "service" else f"UNTILCLICK_{table}_{name}".upper()


def in_a_file(table: str, **values: object) -> SettingsFile:
    """A settings file with one table."""
    return SettingsFile(Path("settings.toml"), {}, {table: values})


def word_for(kind: str, name: str) -> str:
    """What kind of value a setting wants, by what it says to one that is none."""
    table = kind.partition(" ")[0]
    try:
        settings(kind, CommandSettings.of([f"{table}.{name}=neither of these"], {}, None))
    except UntilclickError as error:
        said = str(error).lower()
    else:
        return "text"
    if "input should be '" in said:
        return " | ".join(re.findall(r"'([^']*)'", said.rpartition("input should be ")[2]))
    words = {"integer": "whole number", "number": "number", "boolean": "true or false", "dictionary": "table"}
    return next((word for sign, word in words.items() if f"valid {sign}" in said or f"a {sign}" in said), "text")


@pytest.mark.parametrize("kind", OPTIONS["settings"])
def test_the_settings_have_their_defaults(kind):
    assert defaults(kind) == {name: one["default"] for name, one in OPTIONS["settings"][kind].items()}


@pytest.mark.parametrize(("kind", "name"), SETTINGS)
def test_a_setting_is_read_from_everywhere(kind, name):
    one, table = OPTIONS["settings"][kind][name], kind.partition(" ")[0]
    assert is_kept(word_for(kind, name), one["type"])
    ways = {"file": CommandSettings(file=in_a_file(table, **{name: one["another"]}))}
    if one["type"] != "table":
        text = as_text(one["another"])
        ways["variable"] = CommandSettings.of([], {variable(kind, name): text}, None)
        ways["--set"] = CommandSettings.of([f"{table}.{name}={text}"], {}, None)
    for way, given in ways.items():
        assert settings(kind, given) == defaults(kind) | {name: one["another"]}, way


@pytest.mark.parametrize("kind", OPTIONS["settings"])
def test_the_defaults_can_be_given(kind):
    """All at once, as texts, where a text can say them."""
    table = kind.partition(" ")[0]
    sayable = {name: value for name, value in defaults(kind).items() if value is not None and name != "shares"}
    given = CommandSettings.of([f"{table}.{name}={as_text(value)}" for name, value in sayable.items()], {}, None)
    assert settings(kind, given) == defaults(kind)


def test_the_environment_variables_are_the_same():
    of_commands = {one["variable"] for options in OPTIONS["commands"].values() for one in options.values()} - {None}
    of_settings = {variable(kind, name) for kind, name in SETTINGS if name != "shares"}
    assert sorted(of_commands | of_settings | {"UNTILCLICK_CACHE"}) == OPTIONS["variables"]
    assert cache_directory({"UNTILCLICK_CACHE": "there", "HOME": "home"}) == Path("there")
