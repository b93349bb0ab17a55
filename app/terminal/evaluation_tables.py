"""Results of an evaluation for the terminal: a table of systems, the main finding, and a table of differences.

The finding and its remarks come from `untilclick.rewriter.evaluation.verdict`, as in the report, which shows
everything else too."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from untilclick.app.terminal.terminal import escape, number, plain_table, share
from untilclick.rewriter.evaluation.results import Asked, Results
from untilclick.rewriter.evaluation.system_names import BASELINE, SYSTEM_TITLES, UNTRAINED_REWRITER, title_of
from untilclick.rewriter.evaluation.verdict import (
    HEADLINE_MEASURE,
    best_baseline,
    caution,
    counted_topics,
    explanation,
    spelling_alone,
    subject_of,
    verdict,
)
from untilclick.rewriter.judging.sentences import p_text
from untilclick.search.measures.metrics import HARM_MARGIN, MEASURES


def systems_table(results: Results) -> Table:
    """One row per system: retrieval measures, the best value of each in bold. Further columns, where there are such
    figures: topics of new needs, questions in people's words, and of simulated sessions the share clicked at the
    first query, and the mean number of queries until the click."""
    sessions = results.sessions.figures if results.sessions else {}
    new, asked = results.new_needs, results.asked
    columns = ["", *MEASURES, *(("new needs",) if new else ()), *(("asked",) if asked else ())]
    columns += ("1st click", "queries") if sessions else ()
    table = plain_table(columns, f"{counted_topics(results)} ({results.split})")
    captions = [f"new needs: nDCG@10 of the {new.n_topics:,} topics whose need no training topic has."] if new else []
    if asked:
        captions.append(asked_caption(results, asked))
    if sessions:
        captions.append("1st click: sessions clicked at the first query. queries: until the click.")
    table.caption = " ".join(captions) or None
    best = results.best_systems()
    for name in [*SYSTEM_TITLES, *(results.figures.keys() - SYSTEM_TITLES.keys())]:
        if name not in results.figures:
            continue
        means = results.figures[name].means
        cells = [f"[bold]{means[m]:.3f}[/bold]" if name in best[m] else f"{means[m]:.3f}" for m in MEASURES]
        if new:
            cells.append(f"{new.means[name]:.3f}" if name in new.means else "-")
        if asked:
            cells.append(share(asked.success.get(name)))
        if sessions:
            figures = sessions.get(name)
            cells += [share(figures.first_query_click_share if figures else None)]
            cells += [number(figures.mean_queries_until_click if figures else None)]
        table.add_row(title_of(name), *cells)
    return table


def harm_table(results: Results) -> Table | None:
    """One row per system: the shares of topics that it helps and harms against BM25, and against the strongest
    untrained system if that is another. None for results of a version that did not count them."""
    harm, rivals = results.harm_by_system, results.rivals
    names = [name for name in SYSTEM_TITLES if name in harm]
    if not names:
        return None
    title = f"Topics helped / harmed, by more than {HARM_MARGIN} {HEADLINE_MEASURE}"
    table = plain_table(["", *(f"against {title_of(rival)}" for rival in rivals)], title)
    for name in names:
        changes = [harm[name].get(rival) for rival in rivals]
        cells = [f"{share(each.helped_share)} / {share(each.harmed_share)}" if each else "-" for each in changes]
        table.add_row(title_of(name), *cells)
    if len(rivals) > 1:
        table.caption = f"{title_of(rivals[-1])} is the strongest untrained system."
    return table


def finding(results: Results) -> str:
    """One sentence: what rewriting by the best-trained system does to the headline measure."""
    return verdict(results, subject_of(results))


def asked_caption(results: Results, asked: Asked) -> str:
    """What the column of questions in people's words is, and how the best-trained system compares with BM25."""
    text = f"asked: share of {asked.n_questions} questions in people's words with an answer among the first five"
    subject = subject_of(results)
    comparison = asked.comparison(subject) if subject else None
    if comparison is None:
        return f"{text}."
    return f"{text}; {title_of(comparison.a)} {100 * comparison.difference:+z.0f} points ({p_text(comparison.p)})."


def conclusion(results: Results, more: str = "") -> str:
    """The finding and its limits as one paragraph for newcomers, the first sentence in bold; `more` comes last. Rich
    markup."""
    first, *others = explanation(results, subject_of(results))
    return " ".join([f"[bold]{escape(first)}[/bold]", *map(escape, filter(None, (*others, caution(results), more)))])


def remarks(results: Results) -> str:
    """Sentences that limit the finding, such as a caution about few topics; empty if there are none."""
    subject = subject_of(results)
    return " ".join(filter(None, (spelling_alone(results, subject) if subject else "", caution(results))))


def main_opponents(results: Results) -> tuple[str, ...]:
    """Names of BM25, the strongest other baseline, the untrained rewriter, and the warm start that later training
    started from."""
    return tuple(dict.fromkeys((BASELINE, best_baseline(results), UNTRAINED_REWRITER, "warm_start")))


def differences_table(results: Results, opponents: Sequence[str] | None = None) -> Table | None:
    """The best-trained system compared with each of `opponents` (None: all systems), one row each.

    None if nothing was trained or no comparison was made.
    """
    subject = subject_of(results)
    names = SYSTEM_TITLES if opponents is None else opponents
    comparisons = [
        comparison
        for name in names
        if subject and (comparison := results.comparison(subject, name, HEADLINE_MEASURE))
    ]
    if subject is None or not comparisons:
        return None
    table = plain_table((f"{title_of(subject)} against", HEADLINE_MEASURE, "95 % interval", "topics better", "worse"))
    for comparison in comparisons:
        low, high = comparison.ci95
        interval = f"{low:+z.3f} to {high:+z.3f}"
        counts = f"{comparison.wins:,}", f"{comparison.losses:,}"
        table.add_row(title_of(comparison.b), f"{comparison.difference:+z.3f}", interval, *counts)
    strongest = best_baseline(results)
    if strongest != BASELINE and results.comparison(subject, strongest, HEADLINE_MEASURE):
        table.caption = f"The strongest baseline: {title_of(strongest)}."
    return table
