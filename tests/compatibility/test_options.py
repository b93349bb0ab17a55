"""Every name that users write: options of commands, settings of stages and of the service, variables, tables.

`data/options.json` lists the names of version 0.1.0. The tests read settings as users meet them: the message about an
unknown name lists the names that exist, and the message about a value of the wrong type names the right type. Only
`stage_settings` and `settings_of_service` below depend on how the program stores settings.
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
from untilclick.app.loop.renewal.config import RenewConfig
from untilclick.app.settings.commands import CommandSettings, SettingsFile
from untilclick.rewriter.config import BaseConfig, PolicyConfig, WarmStartConfig
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
from untilclick.rewriter.flat_settings import flat
from untilclick.rewriter.language.subword_settings import (
    SubwordBaseConfig,
    SubwordConfig,
    SubwordPPOConfig,
    SubwordWarmStartConfig,
)
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.stages.train_trlx import main as train_trlx
from untilclick.search.errors import UntilclickError
from untilclick.search.files.cache_folder import cache_directory
from untilclick.search.users.simulate import SimulateConfig
from untilclick.search.users.user import UserConfig

OPTIONS = json.loads((Path(__file__).parent / "data" / "options.json").read_text(encoding="utf-8"))
UNKNOWN = "zzzzzzzzzzzz"
"""A name that no option and no setting has."""

KINDS = {
    "user": UserConfig,
    "simulate": SimulateConfig,
    "policy": PolicyConfig,
    "base": BaseConfig,
    "warm_start": WarmStartConfig,
    "ppo": PPOConfig,
    "offline": OfflineConfig,
    "evaluate": EvaluateConfig,
    "renew": RenewConfig,
    "subword": SubwordConfig,
    "base of subwords": SubwordBaseConfig,
    "warm_start of subwords": SubwordWarmStartConfig,
    "ppo of subwords": SubwordPPOConfig,
}
"""Table -> its configuration. A table with two configurations has two keys; the second names the kind of policy."""

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
"""Command, with the kind of policy if that matters -> the options that it requires."""


def stage_settings(kind: str, command_settings: CommandSettings) -> dict[str, object]:
    """The settings of a stage as JSON values, by the names that users write."""
    values = flat(command_settings.stage(KINDS[kind], kind.partition(" ")[0]))
    values = {name: asdict(value) if is_dataclass(value) else value for name, value in values.items()}
    return {name: values[name] for name in OPTIONS["settings"][kind]}


def settings_of_service(command_settings: CommandSettings) -> dict[str, object]:
    """The settings of the service as JSON values, by the names that users write."""
    settings = service_settings(command_settings).by_name()
    values = {name: settings[name] for name in OPTIONS["settings"]["service"]}
    return json.loads(json.dumps(values, default=_shown))


def _shown(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def settings(kind: str, command_settings: CommandSettings) -> dict[str, object]:
    """The settings of a stage, or of the service."""
    return settings_of_service(command_settings) if kind == "service" else stage_settings(kind, command_settings)


# The commands and their options


def all_commands() -> Iterator[tuple[str, object]]:
    """Every command with its name, including the group at the top."""
    waiting = [("untilclick", get_command(app))]
    while waiting:
        name, command = waiting.pop(0)
        yield name, command
        children = getattr(command, "commands", {}).items()
        waiting += [(f"{name} {child}".removeprefix("untilclick "), command) for child, command in children]
    script = typer.Typer(add_completion=False)
    script.command()(train_trlx)
    yield "train_trlx", get_command(script)


def options_of(command) -> dict[str, dict[str, object]]:
    """The options and arguments of a command, by their names in a settings file."""
    hints = get_type_hints(inspect.unwrap(command.callback)) if command.callback else {}
    return {
        parameter.name: {
            "flags": [*parameter.opts, *parameter.secondary_opts],
            "type": type_name(hints[parameter.name]),
            "default": json.loads(json.dumps(parameter.default, default=str)),
            "required": parameter.required,
            "variable": parameter.envvar,
            "many": bool(parameter.multiple),
            "bounds": [getattr(parameter, "min", None), getattr(parameter, "max", None)],
        }
        for parameter in command.params
    }


def type_name(annotation) -> str:
    """A type in words: `Path`, `int`, `tantivy | rank-bm25`, `list of str`."""
    if get_origin(annotation) is Literal:
        return " | ".join(get_args(annotation))
    if get_origin(annotation) in (types.UnionType, Union):
        return type_name(next(member for member in get_args(annotation) if member is not type(None)))
    if get_origin(annotation) is list:
        return f"list of {type_name(get_args(annotation)[0])}"
    return annotation.__name__


def is_compatible(now: str, before: str) -> bool:
    """Whether a type accepts all values that it accepted before; choices may be added."""
    return set(before.split(" | ")) <= set(now.split(" | ")) if " | " in before else now == before


def test_every_command_has_its_options_with_types_and_defaults():
    """Commands, options and choices may be added, and an option may cease to be required; those of version 0.1.0 stay
    the same otherwise."""
    now = {name: options_of(command) for name, command in all_commands()}
    assert OPTIONS["commands"].keys() <= now.keys()
    for command, options in OPTIONS["commands"].items():
        assert options.keys() <= now[command].keys(), command
        for name, option in options.items():
            assert is_compatible(now[command][name]["type"], option["type"]), (command, name)
            assert option["required"] or not now[command][name]["required"], (command, name)
            same = {**now[command][name], "type": option["type"], "required": option["required"]}
            assert same == option, (command, name)


# Names of settings


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Calls a command that fails, in a folder with a trained base and warm start of subwords; returns its message."""
    monkeypatch.chdir(tmp_path)
    for stage in ("base", "warm_start"):
        (tmp_path / "subwords" / stage).mkdir(parents=True)
        (tmp_path / "subwords" / stage / "subword.json").write_text("{}", encoding="utf-8")

    def refused(command, *arguments, **environment):
        words = command.removesuffix(" of subwords").split()
        result = CliRunner(env=environment).invoke(app, [*words, *ENOUGH.get(command, ()), *arguments])
        assert result.exit_code == 2, result.output
        return result.stderr

    return refused


def choice(message: str) -> list[str]:
    """The names that a message offers, sorted: tests do not depend on their order."""
    return sorted(message.rpartition("Choose one of: ")[2].strip().split(", "))


@pytest.mark.parametrize(("command", "table"), [tuple(key.split("/")) for key in OPTIONS["names"]])
def test_a_command_takes_the_same_settings_from_everywhere(refused, tmp_path, command, table):
    names = OPTIONS["names"][f"{command}/{table}"]
    assert choice(refused(command, "--set", f"{table}.{UNKNOWN}=1")) == names
    (tmp_path / "settings.toml").write_text(f"[{table}]\n{UNKNOWN} = 1\n", encoding="utf-8")
    assert choice(refused(command, "--config", "settings.toml")) == names
    if table != "service":  # its variables have names of their own, and unknown ones may be another command's
        assert choice(refused(command, **{f"UNTILCLICK_{table.upper()}_{UNKNOWN.upper()}": "1"})) == names


def test_all_settings_of_a_command_are_listed():
    """A command without a table in `names` has no `--set`."""
    with_set = {name for name, options in OPTIONS["commands"].items() if "overrides" in options}
    listed = {key.partition("/")[0].removesuffix(" of subwords") for key in OPTIONS["names"]}
    assert with_set - {"train_trlx"} == listed


def test_a_settings_file_has_the_same_tables_and_options(refused, tmp_path):
    (tmp_path / "settings.toml").write_text(f"[{UNKNOWN}]\na = 1\n", encoding="utf-8")
    assert choice(refused("demo", "--config", "settings.toml")) == OPTIONS["tables"]
    (tmp_path / "settings.toml").write_text(f"{UNKNOWN} = 1\n", encoding="utf-8")
    assert choice(refused("demo", "--config", "settings.toml")) == OPTIONS["options of a file"]
    message = refused("demo", "--set", UNKNOWN)
    assert sorted(message.rpartition("with one of the tables ")[2].strip().split(", ")) == OPTIONS["tables"]


# Values of settings


SETTINGS = [(kind, name) for kind, names in OPTIONS["settings"].items() for name in names]


@cache
def defaults(kind: str) -> dict[str, object]:
    """The settings of a command without options, variables and file."""
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


def type_of_setting(kind: str, name: str) -> str:
    """The type of a setting, from the message about a value of the wrong type."""
    table = kind.partition(" ")[0]
    try:
        settings(kind, CommandSettings.of([f"{table}.{name}=neither of these"], {}, None))
    except UntilclickError as error:
        message = str(error).lower()
    else:
        return "text"
    if "input should be '" in message:
        return " | ".join(re.findall(r"'([^']*)'", message.rpartition("input should be ")[2]))
    words = {"integer": "whole number", "number": "number", "boolean": "true or false", "dictionary": "table"}
    return next(
        (word for sign, word in words.items() if f"valid {sign}" in message or f"a {sign}" in message), "text"
    )


@pytest.mark.parametrize("kind", OPTIONS["settings"])
def test_the_settings_have_their_defaults(kind):
    assert defaults(kind) == {name: setting["default"] for name, setting in OPTIONS["settings"][kind].items()}


@pytest.mark.parametrize(("kind", "name"), SETTINGS)
def test_a_setting_is_read_from_everywhere(kind, name):
    setting, table = OPTIONS["settings"][kind][name], kind.partition(" ")[0]
    assert is_compatible(type_of_setting(kind, name), setting["type"])
    sources = {"file": CommandSettings(file=in_a_file(table, **{name: setting["another"]}))}
    if setting["type"] != "table":
        text = as_text(setting["another"])
        sources["variable"] = CommandSettings.of([], {variable(kind, name): text}, None)
        sources["--set"] = CommandSettings.of([f"{table}.{name}={text}"], {}, None)
    for source, command_settings in sources.items():
        assert settings(kind, command_settings) == defaults(kind) | {name: setting["another"]}, source


@pytest.mark.parametrize("kind", OPTIONS["settings"])
def test_the_defaults_can_be_set_as_texts(kind):
    """All at once; None and the table `shares` have no text."""
    table = kind.partition(" ")[0]
    values = {name: value for name, value in defaults(kind).items() if value is not None and name != "shares"}
    command_settings = CommandSettings.of(
        [f"{table}.{name}={as_text(value)}" for name, value in values.items()], {}, None
    )
    assert settings(kind, command_settings) == defaults(kind)


def test_the_environment_variables_are_the_same():
    of_commands = {option["variable"] for options in OPTIONS["commands"].values() for option in options.values()}
    of_settings = {variable(kind, name) for kind, name in SETTINGS if name != "shares"}
    assert sorted((of_commands | of_settings | {"UNTILCLICK_CACHE"}) - {None}) == OPTIONS["variables"]
    assert cache_directory({"UNTILCLICK_CACHE": "there", "HOME": "home"}) == Path("there")
