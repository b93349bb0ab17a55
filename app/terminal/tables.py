"""What an evaluation found, for people on stdout: the table of systems, a sentence, and the differences behind it.

The sentences are those of the report, `untilclick.rewriter.evaluation.report.page`, which has everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from untilclick.app.terminal.terminal import number, plain_table, share
from untilclick.search.measures.metrics import MEASURES

if TYPE_CHECKING:
    from untilclick.rewriter.evaluation.results import Results


def systems_table(results: Results) -> Table:
    """Every system: retrieval measures, the best of each in bold; where sessions were simulated, the share clicked at
    the first query and the queries until the click."""
    from untilclick.rewriter.evaluation.report.page import kind_of_topics
    from untilclick.rewriter.evaluation.results import SYSTEM_TITLES, title_of

    sessions = results.sessions.figures if results.sessions else {}
    columns = ["", *MEASURES, *(("1st click", "queries") if sessions else ())]
    table = plain_table(columns, f"{results.n_topics:,} {kind_of_topics(results)} ({results.split})")
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


def finding(results: Results) -> str:
    """What the last trained system does to the queries, in one sentence."""
    from untilclick.rewriter.evaluation.report.page import subject_of, verdict

    return verdict(results, subject_of(results))


def remarks(results: Results) -> str:
    """What is to be kept in mind about it; empty where there is nothing."""
    from untilclick.rewriter.evaluation.report.page import caution, spelling_alone, subject_of

    subject = subject_of(results)
    return " ".join(filter(None, (spelling_alone(results, subject) if subject else "", caution(results))))


def main_rivals(results: Results) -> tuple[str, ...]:
    """BM25, the strongest of the other baselines, and the model that training went on from."""
    from untilclick.rewriter.evaluation.report.page import BASELINE, best_baseline

    return tuple(dict.fromkeys((BASELINE, best_baseline(results), "warm_start")))


def differences_table(results: Results, rivals: Sequence[str] | None = None) -> Table | None:
    """The last trained system against some others or all, a line each; None where nothing was compared."""
    from untilclick.rewriter.evaluation.report.page import BASELINE, MEASURE, best_baseline, subject_of
    from untilclick.rewriter.evaluation.results import SYSTEM_TITLES, title_of

    subject = subject_of(results)
    names = SYSTEM_TITLES if rivals is None else rivals
    found = [one for name in names if subject and (one := results.comparison(subject, name, MEASURE))]
    if subject is None or not found:
        return None
    table = plain_table((f"{title_of(subject)} against", MEASURE, "95 % interval", "topics better", "worse"))
    for one in found:
        low, high = one.ci95
        numbers = (f"{one.difference:+z.3f}", f"{low:+z.3f} to {high:+z.3f}", f"{one.wins:,}", f"{one.losses:,}")
        table.add_row(title_of(one.b), *numbers)
    strongest = best_baseline(results)
    if strongest != BASELINE and results.comparison(subject, strongest, MEASURE):
        table.caption = f"The strongest baseline: {title_of(strongest)}."
    return table
