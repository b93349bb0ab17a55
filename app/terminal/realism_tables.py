"""The table of simulated beside real sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from untilclick.app.terminal.terminal import number, plain_table

if TYPE_CHECKING:
    from untilclick.search.users.realism.comparing import Comparison, Interval

COLUMNS = ("statistic", "real", "95 % interval", "width", "by topic", "simulated", "verdict")


def realism_table(comparison: Comparison) -> Table:
    """A row for each statistic: the real value with its interval over sessions and, for a log with topics, over
    topics; the simulated value; and whether it is inside. A dash stands for a value that the sessions do not have."""
    columns = [column for column in COLUMNS if column != "by topic" or comparison.n_topics]
    title = f"{comparison.n_simulated:,} simulated sessions beside {comparison.n_real:,} real ones"
    table = plain_table(columns, title)
    for row in comparison.rows:
        real = row.by_session
        numbers = (number(real.value), _range(real), number(real.width)) if real else ("-",) * 3
        cells = [row.label, *numbers]
        if comparison.n_topics:
            cells.append("-" if row.by_topic is None else f"{row.by_topic.value:.2f} {_range(row.by_topic)}")
        table.add_row(*cells, number(row.simulated), row.verdict)
    return table


def realism_notes(comparison: Comparison) -> list[str]:
    """The sentences below the table: distances of distributions, documents without a text, why nothing is said."""
    notes = [
        f"Total variation, 0 to 1: kinds of reformulation {comparison.kind_distance:.2f}, "
        f"clicks by rank {comparison.rank_distance:.2f}."
    ]
    if comparison.looked_up < 1.0:
        notes.append(
            f"The corpus lacks {100 * (1 - comparison.looked_up):.1f} % of the clicked documents of the real log; "
            "the overlap is that of the others."
        )
    notes += [f"Cannot say, {row.label}: {row.reason}." for row in comparison.rows if row.verdict == "cannot say"]
    return notes


def _range(interval: Interval) -> str:
    return f"[{interval.low:.2f}, {interval.high:.2f}]"
