"""Where a command's settings come from: `--set` and options, environment, a TOML file, defaults; the first wins.

    data = "stdlib"          # options, by their long names: every command takes those it has
    sessions = 60000
    [ppo]                    # tables: the fields of one stage's configuration
    iterations = 200

The same in the environment: `UNTILCLICK_DATA`, `UNTILCLICK_PPO_ITERATIONS`; for one call: `--set ppo.iterations=200`.
Options are read by the command line's own parser; here are the file and the stages' tables. Settings of the service
are in `untilclick.app.settings.service`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from untilclick.rewriter.flat_settings import flat_name, nested, setting_names
from untilclick.search.errors import DataError, UntilclickError

T = TypeVar("T")

PREFIX = "UNTILCLICK_"
"""Of every environment variable."""

TABLES = ("user", "simulate", "policy", "subword", "base", "warm_start", "ppo", "offline", "evaluate", "service")
"""The tables a file may hold, each a stage's configuration; `service` holds those of
`untilclick.app.settings.service`."""


@dataclass(frozen=True)
class SettingsFile:
    """A TOML file, checked for names that no command knows."""

    path: Path
    options: Mapping[str, Any]  # Any: TOML values, checked by the parser of the command line
    tables: Mapping[str, Mapping[str, Any]]  # Any: TOML values, checked by `Given.stage`


def read_settings_file(path: Path, known_options: Collection[str]) -> SettingsFile:
    """Read a settings file. Raises DataError for a missing or broken file and for a name that nobody knows."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError.at(path, None, f"cannot be read ({error.strerror})", "Name a TOML file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError.at(path, None, f"is no TOML ({error})", "Correct it there") from None
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    options = {name: value for name, value in content.items() if name not in tables}
    for names, known, what in ((tables, TABLES, "table"), (options, known_options, "option")):
        for name in names:
            if name not in known:
                raise DataError.at(path, None, f"no {what} is called {name!r}", nearest(name, known))
    return SettingsFile(path, options, tables)


@dataclass(frozen=True)
class Given:
    """What was given for the stages of one command, highest precedence first."""

    overrides: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Table -> field -> text of `--set`."""
    environment: Mapping[str, str] = field(default_factory=dict)
    file: SettingsFile | None = None

    @classmethod
    def of(cls, overrides: Sequence[str], environment: Mapping[str, str], file: SettingsFile | None) -> Given:
        """Take `TABLE.FIELD=VALUE` texts apart. Raises UntilclickError for anything else."""
        taken: dict[str, dict[str, str]] = {}
        for text in overrides:
            name, equals, value = text.partition("=")
            table, dot, key = name.strip().partition(".")
            if not (equals and dot and key) or table not in TABLES:
                raise UntilclickError(
                    f"--set {text} is not TABLE.FIELD=VALUE; write for instance --set ppo.iterations=200, "
                    f"with one of the tables {', '.join(TABLES)}"
                )
            taken.setdefault(table, {})[key] = value.strip()
        return cls(taken, environment, file)

    def stage(self, kind: type[T], table: str, allowed: Collection[str] | None = None, **defaults: object) -> T:
        """One stage's configuration. `allowed` limits the fields that may be given; `defaults` stand below all else.

        Raises UntilclickError for an unknown field or a value of the wrong kind; the text says where it came from.
        """
        known = [name for name in setting_names(kind) if allowed is None or name in allowed]
        values: dict[str, Any] = dict(defaults)  # Any: texts and TOML values, checked below
        origins: dict[str, str] = {}
        for origin, given in self.layers(table):
            for name, value in given.items():
                if name not in known:
                    raise UntilclickError(
                        f"{origin.format(name)}: {table} has no such setting. {nearest(name, known)}"
                    )
                values[name], origins[name] = value, origin.format(name)
        try:
            return TypeAdapter(kind).validate_python(nested(kind, values))
        except ValidationError as error:
            order = {name: place for place, name in enumerate(setting_names(kind))}
            named = [(flat_name(kind, one["loc"]), one) for one in error.errors()]
            name, found = min(named, key=lambda pair: order.get(pair[0], len(order)))
            raise UntilclickError(
                f"{origins.get(name, name)} is {found['input']!r}: {found['msg'][:1].lower()}{found['msg'][1:]}"
            ) from None

    def layers(self, table: str) -> list[tuple[str, Mapping[str, Any]]]:  # Any: see `stage`
        """From weakest to strongest: a pattern that names the origin, and the values."""
        prefix = f"{PREFIX}{table.upper()}_"
        environment = {
            name.removeprefix(prefix).lower(): value
            for name, value in self.environment.items()
            if name.startswith(prefix)
        }
        file = self.file.tables.get(table, {}) if self.file else {}
        return [
            (f"{self.file.path if self.file else ''}: {table}.{{}}", file),
            (f"the environment's {prefix}* setting {{}}", environment),
            (f"--set {table}.{{}}", self.overrides.get(table, {})),
        ]


def nearest(name: str, known: Collection[str]) -> str:
    """`Did you mean ...?`, or all that there is to choose from."""
    close = get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]}?" if close else f"Choose one of: {', '.join(known)}"
