"""What a person reads on stdout: numbered steps, tables, figures. With `--json` one object instead of all of it.

Tables of an evaluation are made by `rewriter.evaluate.results_table`; progress is in `app.progress`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.progress import Update, progress
from search.log_stats import LogStats, SessionFigures
from search.metrics import MEASURES

if TYPE_CHECKING:
    from rewriter.results import Results
    from search.visitors import Suspect

__all__ = [
    "Terminal",
    "against_others",
    "closing_table",
    "escape",
    "plain_table",
    "stats_table",
    "suspects_table",
    "verdict",
]


class Terminal:
    """The two streams of a command."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = Console(highlight=False)
        self._err = Console(stderr=True, highlight=False)

    def line(self, text: str = "") -> None:
        """A line for people: stdout, or stderr where stdout is for a machine. Never wrapped, markup allowed."""
        (self._err if self.as_json else self._out).print(text, soft_wrap=True)

    def table(self, table: Table) -> None:
        """A table for people; left out for machines, who get its numbers."""
        if not self.as_json:
            self._out.print(table)

    def answer(self, answer: object) -> None:
        """The one JSON object for machines; nothing for people. Dataclasses and paths are converted."""
        if self.as_json:
            self._out.out(json.dumps(answer, default=_plain), highlight=False)

    def progress(self, label: str) -> AbstractContextManager[Update]:
        """See `app.progress.progress`."""
        return progress(self._err, label)


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


def share(value: float | None) -> str:
    """A share in percent."""
    return "-" if value is None else f"{100 * value:.1f} %"


def number(value: float | None) -> str:
    """A mean with two decimals."""
    return "-" if value is None else f"{value:.2f}"


def closing_table(results: Results) -> Table:
    """Every system: retrieval measures, the best of each in bold; where sessions were simulated, the share clicked at
    the first query and the queries until the click."""
    from rewriter.results import SYSTEM_TITLES, title_of

    sessions = results.sessions.figures if results.sessions else {}
    columns = ["", *MEASURES, *(("1st click", "queries") if sessions else ())]
    table = plain_table(columns, f"{results.n_topics:,} held-out topics ({results.split})")
    if sessions:
        table.caption = "1st click: sessions clicked at the first query. queries: until the click."
    best = results.best_systems()
    for name in [*SYSTEM_TITLES, *(results.figures.keys() - SYSTEM_TITLES.keys())]:
        if name not in results.figures:
            continue
        means = results.figures[name].means
        cells = [f"[bold]{means[m]:.3f}[/bold]" if name in best[m] else f"{means[m]:.3f}" for m in MEASURES]
        if sessions:
            found = sessions.get(name)
            cells += [share(found.first_query_click_share if found else None)]
            cells += [number(found.mean_queries_until_click if found else None)]
        table.add_row(title_of(name), *cells)
    return table


def verdict(results: Results) -> str:
    """The last trained system against BM25 with the 95 % interval of the difference and, where another baseline
    does better than BM25, a second sentence against that one."""
    from rewriter.report import BASELINE, MEASURE, strongest_rival, subject_of
    from rewriter.report import verdict as sentence

    subject = subject_of(results)
    found = results.comparison(subject, BASELINE, MEASURE) if subject else None
    said = sentence(results, subject).rstrip(".")
    if subject is None or found is None:
        return f"{said}."
    low, high = found.ci95
    compared = (
        f"{said}; difference {found.difference:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}, "
        f"{found.wins} topics better, {found.losses} worse."
    )
    return f"{compared} {strongest_rival(results, subject)}".rstrip()


def against_others(results: Results) -> str:
    """How much of it is more than the cheap remedies give: PPO against the other systems; empty without PPO."""
    from rewriter.report import MEASURE
    from rewriter.results import title_of

    rivals = ("rm3", "spelling", "warm_start")
    found = [one for rival in rivals if (one := results.comparison("ppo", rival, MEASURE))]
    parts = [f"{title_of(one.b)} {one.difference:+.3f} ({one.ci95[0]:+.3f} to {one.ci95[1]:+.3f})" for one in found]
    return f"{MEASURE} of PPO beyond {', '.join(parts)}." if parts else ""
