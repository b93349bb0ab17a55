"""Tables about a session log: its figures, and visitors that look automated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from untilclick.app.terminal.terminal import escape, number, plain_table, share

if TYPE_CHECKING:
    from untilclick.search.log.stats import LogStats, SessionFigures
    from untilclick.search.log.visitors import Suspect

SESSION_COLUMNS = ("sessions", "queries", "clicks", "clicked at first query", "queries until click", "abandoned")


def session_cells(figures: SessionFigures) -> tuple[str, ...]:
    """The cells of SESSION_COLUMNS; a dash for a figure that no session gives."""
    return (
        f"{figures.sessions:,}",
        f"{figures.turns:,}",
        f"{figures.clicks:,}",
        share(figures.first_query_click_share),
        number(figures.mean_queries_until_click),
        share(figures.abandonment_share),
    )


def stats_table(stats: LogStats) -> Table:
    """Figures of a whole log; before them, if there are several rewriter versions, a row for each."""
    table = plain_table(("rewriter", *SESSION_COLUMNS))
    if len(stats.by_rewriter_version) > 1:
        for version in stats.by_rewriter_version:
            table.add_row(version.rewriter_version or "none", *session_cells(version.figures))
    table.add_row("all", *session_cells(stats.total))
    return table


def suspects_table(suspects: Sequence[Suspect]) -> Table:
    """Visitors that look automated, with the reasons."""
    table = plain_table(("visitor", "sessions", "queries", "clicks"))
    table.add_column("why", overflow="fold")
    for suspect in suspects:
        counts = (f"{n:,}" for n in (suspect.sessions, suspect.queries, suspect.clicks))
        table.add_row(escape(suspect.visitor), *counts, "; ".join(suspect.reasons))
    return table
