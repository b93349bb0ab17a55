"""The settings of a command, from `--set` and options, the environment, a TOML file, and defaults; the first wins.

    data = "stdlib"          # options, by their long names: each command takes those that it has
    sessions = 60000
    [ppo]                    # tables: the settings of one stage
    iterations = 200

The same in the environment is `UNTILCLICK_DATA` and `UNTILCLICK_PPO_ITERATIONS`; for one call, `--set
ppo.iterations=200`. The parser of the command line reads options; this module reads the file and the stages' tables.
Settings of the service are in `untilclick.app.settings.service`.

pydantic-settings does not serve here: its errors do not say from which source a value came, and it ignores unknown
variables with the prefix, but our error messages name the source, and a misspelt variable is an error.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from untilclick.rewriter.flat_settings import flat_name, nested, present_name, setting_names
from untilclick.search.errors import DataError, UntilclickError

T = TypeVar("T")

PREFIX = "UNTILCLICK_"
"""Prefix of every environment variable."""

TABLES = (
    "user", "simulate", "policy", "subword", "base", "warm_start", "ppo", "offline", "evaluate", "renew", "service"
)  # fmt: skip
"""The tables that a file may hold: one per stage, and `service` for `untilclick.app.settings.service`."""


@dataclass(frozen=True)
class SettingsFile:
    """A TOML file whose options and tables exist."""

    path: Path
    options: Mapping[str, Any]  # Any: TOML values, checked by the parser of the command line
    tables: Mapping[str, Mapping[str, Any]]  # Any: TOML values, checked by `CommandSettings.stage`


def read_settings_file(path: Path, known_options: Collection[str]) -> SettingsFile:
    """Read a settings file. Raises DataError for a missing or broken file, and for an option or a table that no
    command has."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError.at(path, None, f"cannot be read ({error.strerror})", "Give the path of a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError.at(path, None, f"is not TOML ({error})", "Correct the file there") from None
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    options = {name: value for name, value in content.items() if name not in tables}
    for names, allowed, noun in ((tables, TABLES, "table"), (options, known_options, "option")):
        for name in names:
            if name not in allowed:
                raise DataError.at(path, None, f"no {noun} is called {name!r}", nearest(name, allowed))
    return SettingsFile(path, options, tables)


class Layer(NamedTuple):
    """The settings of one table from one source."""

    values: Mapping[str, Any]  # Any: texts and TOML values, checked by `CommandSettings.stage`
    place: Callable[[str], str]
    """Turns the name of a setting into the place that an error message names, such as `--set ppo.iterations`."""


@dataclass(frozen=True)
class CommandSettings:
    """The settings of one command for its stages, as its user wrote them."""

    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Table -> setting -> text of `--set`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variable -> text, as in `os.environ`."""
    file: SettingsFile | None = None

    @classmethod
    def of(
        cls, overrides: Sequence[str], environment: Mapping[str, str], file: SettingsFile | None
    ) -> CommandSettings:
        """Read the `TABLE.FIELD=VALUE` texts of `--set`. Raises UntilclickError for any other text."""
        tables: dict[str, dict[str, str]] = {}
        for text in overrides:
            name, equals, value = text.partition("=")
            table, dot, setting = name.strip().partition(".")
            if not (equals and dot and setting) or table not in TABLES:
                raise UntilclickError(
                    f"--set {text} is not TABLE.FIELD=VALUE; write for instance --set ppo.iterations=200, "
                    f"with one of the tables {', '.join(TABLES)}"
                )
            tables.setdefault(table, {})[setting] = value.strip()
        return cls(tables, environment, file)

    def stage(self, kind: type[T], table: str, allowed: Collection[str] | None = None, **defaults: object) -> T:
        """The configuration of one stage, from its table.

        `allowed` limits the settings that may be given (None: all); `defaults` replace defaults of `kind`. Raises
        UntilclickError, which names the source, for an unknown setting and for a value of the wrong type.
        """
        names = setting_names(kind)
        allowed_names = [name for name in names if allowed is None or name in allowed]
        values: dict[str, Any] = dict(defaults)  # Any: texts and TOML values, checked below
        places: dict[str, str] = {}
        for layer in self.layers(table):
            for written, value in layer.values.items():
                name = present_name(written)
                if name not in allowed_names:
                    hint = nearest(written, allowed_names)
                    raise UntilclickError(f"{layer.place(written)}: {table} has no such setting. {hint}")
                values[name], places[name] = value, layer.place(written)
        try:
            return TypeAdapter(kind).validate_python(nested(kind, values))
        except ValidationError as error:
            # pydantic reports the errors of a group together; name the first in the order of the settings.
            order = {name: position for position, name in enumerate(names)}
            errors = [(flat_name(kind, details["loc"]), details) for details in error.errors()]
            name, first = min(errors, key=lambda pair: order.get(pair[0], len(order)))
            problem = first["msg"][:1].lower() + first["msg"][1:]
            raise UntilclickError(f"{places.get(name, name)} is {first['input']!r}: {problem}") from None

    def layers(self, table: str) -> list[Layer]:
        """The table from the file, the environment and `--set`: from the weakest source to the strongest."""
        prefix = f"{PREFIX}{table.upper()}_"
        environment = {
            name.removeprefix(prefix).lower(): value
            for name, value in self.environment.items()
            if name.startswith(prefix)
        }
        file, path = (self.file.tables.get(table, {}), self.file.path) if self.file else ({}, None)
        return [
            Layer(file, lambda name: f"{path}: {table}.{name}"),
            Layer(environment, lambda name: f"The variable {prefix}{name.upper()}"),
            Layer(self.overrides.get(table, {}), lambda name: f"--set {table}.{name}"),
        ]


def nearest(name: str, choices: Collection[str]) -> str:
    """A hint for an unknown name: `Did you mean ...?`, or if no name is close, all names."""
    close = get_close_matches(name, choices, n=1)
    return f"Did you mean {close[0]}?" if close else f"Choose one of: {', '.join(choices)}"
