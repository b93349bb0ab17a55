"""Output of a command: lines and tables for people, or with `--json` one object for programs.

Tables of an evaluation are in `evaluation_tables.py`, tables of a session log in `log_tables.py`, progress bars in
`progress.py`, line breaks in `line_breaks.py`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from untilclick.app.terminal.line_breaks import wrap, wrap_command
from untilclick.app.terminal.progress import Update, progress

__all__ = ["Terminal", "counted", "escape", "number", "plain_table", "share"]


class Terminal:
    """Standard output and standard error of one command."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        """Whether standard output holds one JSON object; text for people then goes to standard error."""
        self._out = Console(highlight=False)
        self._err = Console(stderr=True, highlight=False)

    def line(self, text: str = "", hang: int = 0) -> None:
        """Print a line for people; Rich markup is allowed.

        In a terminal, a long line is broken between words, and all its lines but the first are indented by `hang`
        cells. Files and pipes get the line unbroken, so that it can be searched.
        """
        console = self._console_for_people
        if not console.is_terminal:
            console.print(text, soft_wrap=True)
            return
        for part in wrap(console.render_str(text), console.width, hang):
            console.print(part, soft_wrap=True)

    def command(self, *parts: str) -> None:
        """Print a command that the reader may copy; lines break between `parts` only. Markup is printed as it is."""
        console = self._console_for_people
        # A pipe has no width: wide enough for everything on one line.
        width = console.width if console.is_terminal else sum(map(len, parts)) + 80
        for line in wrap_command(parts, width, indent=2):
            console.print(Text(line), soft_wrap=True)

    @property
    def _console_for_people(self) -> Console:
        return self._err if self.as_json else self._out

    def table(self, table: Table) -> None:
        """Print a table for people. With `--json` nothing is printed: the answer has the numbers."""
        if not self.as_json:
            self._out.print(table)

    def answer(self, answer: object) -> None:
        """With `--json`, print the one JSON object; without, print nothing. Dataclasses and paths are converted.

        Raises TypeError for a value that JSON cannot hold.
        """
        if self.as_json:
            self._out.out(json.dumps(answer, default=_plain), highlight=False)

    @contextmanager
    def progress(self, label: str) -> Iterator[Update]:
        """Show the progress of one piece of work on standard error until the block ends; see `progress.py`.

        Log records that arrive meanwhile appear above the bar.
        """
        with _log_records_on(self._err), progress(self._err, label) as update:
            yield update


@contextmanager
def _log_records_on(console: Console) -> Iterator[None]:
    """Send log records to the console that shows the bar: another console would write into the bar's line."""
    handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, RichHandler)]
    consoles = [handler.console for handler in handlers]
    for handler in handlers:
        handler.console = console
    try:
        yield
    finally:
        for handler, previous in zip(handlers, consoles, strict=True):
            handler.console = previous


def _plain(value: object) -> object:
    """Convert a value that the json module does not know."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def plain_table(columns: Sequence[str], title: str | None = None) -> Table:
    """A table without borders; the first column is aligned left, the others right."""
    table = Table(
        title=title, title_justify="left", caption_justify="left", box=None, pad_edge=False, header_style="dim"
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=i == 0)
    return table


def counted(n: float, noun: str, plural: str) -> str:
    """A number with its noun: `1 query`, `1,592 queries`."""
    return f"{n:,.0f} {noun if n == 1 else plural}"


def share(value: float | None) -> str:
    """A share in [0, 1] as a percentage; a dash for None."""
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """A number with two decimals; a dash for None."""
    return "-" if value is None else f"{value:.2f}"
