"""A table of the users of a site: every habit, its value, and where the value comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from untilclick.app.terminal.terminal import plain_table

if TYPE_CHECKING:
    from untilclick.search.users.realism.fitted import FittedValue


def users_table(values: Sequence[FittedValue], n_sessions: int, changed: Mapping[str, object] | None = None) -> Table:
    """A row for each habit. `n_sessions` are those that the users were fitted to; `changed` holds the
    habits that have other values, because a setting says so."""
    table = plain_table(("habit", "value", "where from"), f"Users fitted to {n_sessions:,} sessions")
    table.columns[2].justify = "left"
    for value in values:
        if changed and value.name in changed:
            table.add_row(value.name, _shown(changed[value.name]), f"set; the fit has {_shown(value.value)}")
        else:
            table.add_row(value.name, _shown(value.value), _origin(value))
    return table


def _shown(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _origin(value: FittedValue) -> str:
    if value.origin == "default":
        return f"default, because {value.reason[:1].lower()}{value.reason[1:]}"
    error = "" if value.standard_error is None else f" (standard error {value.standard_error:.3f})"
    return f"from the log{error}: {value.reason}"
