"""What a person reads on stdout: lines, tables, figures. With `--json` one object instead of all of it.

What an evaluation found is put in words by `tables.py`; progress is in `progress.py`, line breaks in
`untilclick.app.terminal.line_breaks`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from untilclick.app.terminal.line_breaks import wrap, wrap_command
from untilclick.app.terminal.progress import Update, progress
from untilclick.search.log.stats import LogStats, SessionFigures

if TYPE_CHECKING:
    from untilclick.search.log.visitors import Suspect

__all__ = ["Terminal", "counted", "escape", "number", "plain_table", "share", "stats_table", "suspects_table"]


class Terminal:
    """The two streams of a command."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = Console(highlight=False)
        self._err = Console(stderr=True, highlight=False)

    def line(self, text: str = "", hang: int = 0) -> None:
        """A line for people, markup allowed: on stdout, or on stderr where stdout is for a machine.

        A terminal gets it in as many lines as it takes, broken between words, the others indented by `hang`; files
        and pipes get it whole, to be searched.
        """
        console = self._people
        if not console.is_terminal:
            console.print(text, soft_wrap=True)
            return
        for part in wrap(console.render_str(text), console.width, hang):
            console.print(part, soft_wrap=True)

    def command(self, *parts: str) -> None:
        """A command to copy, in parts that stay whole; no markup."""
        console = self._people
        width = console.width if console.is_terminal else sum(map(len, parts)) + 80
        for line in wrap_command(parts, width, indent=2):
            console.print(Text(line), soft_wrap=True)

    @property
    def _people(self) -> Console:
        return self._err if self.as_json else self._out

    def table(self, table: Table) -> None:
        """A table for people; left out for machines, who get its numbers."""
        if not self.as_json:
            self._out.print(table)

    def answer(self, answer: object) -> None:
        """The one JSON object for machines; nothing for people. Dataclasses and paths are converted."""
        if self.as_json:
            self._out.out(json.dumps(answer, default=_plain), highlight=False)

    @contextmanager
    def progress(self, label: str) -> Iterator[Update]:
        """See `untilclick.app.terminal.progress.progress`. Records of the log appear above the bar meanwhile."""
        with _logging_to(self._err), progress(self._err, label) as update:
            yield update


@contextmanager
def _logging_to(console: Console) -> Iterator[None]:
    """Records written past the console of a bar would end up in the line of the bar."""
    handlers = [one for one in logging.getLogger().handlers if isinstance(one, RichHandler)]
    before = [one.console for one in handlers]
    for handler in handlers:
        handler.console = console
    try:
        yield
    finally:
        for handler, own in zip(handlers, before, strict=True):
            handler.console = own


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def plain_table(columns: Sequence[str], title: str | None = None) -> Table:
    """A light table: first column left, the others right."""
    table = Table(
        title=title, title_justify="left", caption_justify="left", box=None, pad_edge=False, header_style="dim"
    )
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=i == 0)
    return table


SESSION_COLUMNS = ("sessions", "queries", "clicks", "clicked at first query", "queries until click", "abandoned")


def session_cells(figures: SessionFigures) -> tuple[str, ...]:
    """The cells of SESSION_COLUMNS; a dash where there is nothing to count."""
    return (
        f"{figures.sessions:,}",
        f"{figures.turns:,}",
        f"{figures.clicks:,}",
        share(figures.first_query_click_share),
        number(figures.mean_queries_until_click),
        share(figures.abandonment_share),
    )


def stats_table(stats: LogStats) -> Table:
    """Figures of a log, in total and by rewriter version where there is more than one."""
    table = plain_table(("rewriter", *SESSION_COLUMNS))
    if len(stats.by_rewriter_version) > 1:
        for one in stats.by_rewriter_version:
            table.add_row(one.rewriter_version or "none", *session_cells(one.figures))
    table.add_row("all", *session_cells(stats.total))
    return table


def suspects_table(suspects: Sequence[Suspect]) -> Table:
    """Visitors that look automated."""
    table = plain_table(("visitor", "sessions", "queries", "clicks"))
    table.add_column("why", overflow="fold")
    for one in suspects:
        numbers = (f"{n:,}" for n in (one.sessions, one.queries, one.clicks))
        table.add_row(escape(one.visitor), *numbers, "; ".join(one.reasons))
    return table


def counted(n: float, noun: str, plural: str) -> str:
    """`1 query`, `1,592 queries`."""
    return f"{n:,.0f} {noun if n == 1 else plural}"


def share(value: float | None) -> str:
    """A share in percent."""
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """A mean with two decimals."""
    return "-" if value is None else f"{value:.2f}"
