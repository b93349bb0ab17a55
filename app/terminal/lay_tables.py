"""Queries with lay words for the terminal: a table of systems, and the comparisons of systems on them."""

from __future__ import annotations

from rich.table import Table

from untilclick.app.terminal.terminal import counted, plain_table
from untilclick.rewriter.evaluation.beside.lay_groups import GROUP_TITLES, LAY_MEASURE
from untilclick.rewriter.evaluation.results import LayGroup, Results
from untilclick.rewriter.evaluation.system_names import SYSTEM_TITLES, title_of
from untilclick.rewriter.judging.sentences import p_text


def lay_table(results: Results) -> Table | None:
    """One row per system: its measure on queries without lay words, with lay words that training users know, and with
    others. Then one row per compared pair: the difference and its p value. None without such queries."""
    if not results.lay:
        return None
    groups = {name: results.lay[name] for name in GROUP_TITLES if name in results.lay}
    columns = [GROUP_TITLES[name] for name in groups]
    table = plain_table(["", *columns], f"Held-out queries by their lay words, {LAY_MEASURE}")
    table.add_row("queries (needs)", *(f"{group.n_queries:,} ({group.n_needs:,})" for group in groups.values()))
    names = {name for group in groups.values() for name in group.means}
    for name in [*(name for name in SYSTEM_TITLES if name in names), *sorted(names - SYSTEM_TITLES.keys())]:
        table.add_row(title_of(name), *(_mean(group, name) for group in groups.values()))
    pairs = dict.fromkeys((each.a, each.b) for group in groups.values() for each in group.comparisons)
    for a, b in pairs:
        table.add_row(f"{title_of(a)} - {title_of(b)}", *(_difference(group, a, b) for group in groups.values()))
    fewest = min(group.n_needs for group in groups.values())
    table.caption = (
        "Lay words carry at least half of such a query, and no wanted document holds one. Tests resample needs, the "
        f"fewest are {counted(fewest, 'need', 'needs')}."
    )
    return table


def _mean(group: LayGroup, system: str) -> str:
    return f"{group.means[system]:.3f}" if system in group.means else "-"


def _difference(group: LayGroup, a: str, b: str) -> str:
    comparison = group.comparison(a, b)
    return f"{comparison.difference:+z.3f} ({p_text(comparison.p)})" if comparison else "-"
