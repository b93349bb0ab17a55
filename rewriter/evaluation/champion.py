"""Whether a newly trained rewriter, the challenger, is better than the active one, the champion.

Both are judged on sessions that every renewal keeps apart. A hash of the need decides which sessions these are, and
does not change from version to version: a version trained on one side of `split_for_comparison` has never learned
from the sessions that later versions are judged by. (`untilclick train` reads whole logs.)

If sessions name a simulated user's topic, the topic's judgments are the grades. Otherwise a clicked document is
relevant, and only documents that searchers were shown are ranked, because nobody could click on others (condensed
lists: Sakai, "Alternatives to Bpref", SIGIR 2007). That favours the version that made the lists of the log;
interleaving (`/v1/experiments`) does not.

Only first queries of sessions are judged. Queries of one need count as one, because they are won and lost together.

`find` is to take the place of `judge`: its verdict does not depend on documents that nobody was shown, and it
resamples needs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.click_judgments import JudgedInput
from untilclick.rewriter.data.first_query_split import SplitLog, need_of_query, split_sessions
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.evaluation.statistics import SIGNIFICANCE, Comparison, TopicValues, compare
from untilclick.rewriter.judging.evidence import LEAST_JUDGED, Finding, Verdict
from untilclick.rewriter.judging.partial_judgments import DEPTH, difference_bounds, unknown_share
from untilclick.rewriter.rewrite import Rewriter, RewriteRequest
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.exact_titles import exact_titles_first
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import ScoredDoc, Session, Topic, WeightedQuery

JUDGED_SHARE = 0.2
"""Share of the needs that are kept apart for judging."""
MEASURE = "nDCG@10"
MAX_JUDGED = 2_000
"""Largest number of queries that are judged; with as many, differences of .01 show."""
MIN_JUDGED = 30
"""Smallest number of needs for a decision: intervals of a few differences are far too narrow."""
VERDICTS_PER_VERSION = 2
"""Verdicts that may activate a version: on new needs and on returning ones."""
VERDICT_SIGNIFICANCE = SIGNIFICANCE / VERDICTS_PER_VERSION
"""Each verdict is tested at this level, so that a version that is no better passes either with a probability of at
most `SIGNIFICANCE` (Bonferroni's correction: Dunn, "Multiple Comparisons among Means", JASA 56(293), 1961). Versions
that are judged one after the other by the same needs are not corrected for."""
_DEPTH = 10
_BATCH = 64
"""Queries rewritten in one call."""


@dataclass(frozen=True)
class Contestant:
    """A rewriter under its name, with the engine that searches its rewrites."""

    name: str
    rewriter: Rewriter | None
    """None searches queries as typed."""
    engine: SearchEngine
    """Searches an index by the analysis that the rewriter was trained with."""


def is_better(comparison: Comparison) -> bool:
    """Whether a is better than b beyond chance: on enough needs, by the interval and by the test."""
    return comparison.n >= MIN_JUDGED and comparison.ci95[0] > 0 and comparison.significant


def is_worse(comparison: Comparison) -> bool:
    """Whether a is worse than b beyond chance, by the same rules as `is_better`."""
    return comparison.n >= MIN_JUDGED and comparison.ci95[1] < 0 and comparison.significant


def split_for_comparison(sessions: Iterable[Session]) -> SplitLog:
    """Split sessions into those to learn from (`training`) and those to compare versions on (`validation`)."""
    return split_sessions(sessions, JUDGED_SHARE, purpose="judge")


def judge(
    challenger: Contestant,
    champion: Contestant,
    queries: Sequence[JudgedQuery],
    clauses: int,
    rng: np.random.Generator,
) -> Comparison:
    """Compare two rewriters on the first queries of sessions; every need counts once.

    Each searches with its own engine, over the same documents. As in the service, only the heaviest `clauses` clauses
    of a rewrite are searched. Queries without a relevant
    document are left out. If no query is left, the difference is 0 and neither rewriter is better.
    """
    judged = [query for query in queries if not query.request.history and _has_relevant(query)][:MAX_JUDGED]
    needs = _rows_by_need(judged)
    a, b = (
        TopicValues(contestant.name, _mean_by_need(_values(contestant, judged, clauses), needs))
        for contestant in (challenger, champion)
    )
    return compare(a, b, MEASURE, rng)


def find(
    version: Contestant, other: Contestant, inputs: Sequence[JudgedInput], clauses: int, rng: np.random.Generator
) -> Finding:
    """Whether a version is better or worse than another, on inputs that neither has learned from.

    Each searches with its own engine, over the same documents. As in the service, only the heaviest `clauses` clauses
    of a rewrite are searched. At most MAX_JUDGED inputs are used, the first.

    Where documents are unknown, the difference has bounds, see `judging/partial_judgments.py`. `difference` is their
    middle, `ci95` reaches from the lower end of the lower bound to the upper end of the upper one, and `p` is that of
    the bound nearer to 0, or 1 if 0 is between them. The harmed share counts inputs that are harmed even by the upper
    bound.
    """
    judged = inputs[:MAX_JUDGED]
    ours, theirs = (_first_tens(contestant, judged, clauses) for contestant in (version, other))
    known = [_known(each, {*a, *b}) for each, a, b in zip(judged, ours, theirs, strict=True)]
    bounds = difference_bounds(ours, theirs, known)
    needs = np.array([each.need for each in judged], dtype=np.int64)
    names = version.name, other.name
    lower = upper = _against_zero(bounds.lower, names, needs, rng)
    if not np.array_equal(bounds.lower, bounds.upper):
        upper = _against_zero(bounds.upper, names, needs, rng)
    unseen = unknown_share(ours, known), unknown_share(theirs, known)
    p = lower.p if lower.difference > 0 else upper.p if upper.difference < 0 else 1.0
    verdict, reason = _verdict(lower, upper, unseen)
    return Finding(
        against=other.name,
        verdict=verdict,
        measure=MEASURE,
        difference=(lower.difference + upper.difference) / 2,
        ci95=(lower.ci95[0], upper.ci95[1]),
        p=p,
        harmed_share=upper.harmed_share,
        n_queries=len(judged),
        n_needs=lower.n_needs or 0,
        unseen=None if all(each.complete for each in judged) else unseen,
        reason=reason,
    )


def _known(judged: JudgedInput, ranked: Set[str]) -> Mapping[str, float]:
    """The grades of all known documents among those ranked, and of all others that are relevant."""
    return {**dict.fromkeys(ranked, 0.0), **judged.grades} if judged.complete else judged.grades


def _against_zero(
    values: NDArray[np.float64], names: tuple[str, str], needs: NDArray[np.int64], rng: np.random.Generator
) -> Comparison:
    """Compare the differences of two versions with none."""
    a, b = TopicValues(names[0], values), TopicValues(names[1], np.zeros(values.size))
    return compare(a, b, MEASURE, rng, needs=needs)


def _verdict(lower: Comparison, upper: Comparison, unseen: tuple[float, float]) -> tuple[Verdict, str]:
    """The verdict, and why there is none; no reason if the figures say it."""
    if (n_needs := lower.n_needs or 0) < LEAST_JUDGED:
        return Verdict.CANNOT_SAY, f"there are {n_needs} needs to judge by, and a verdict takes {LEAST_JUDGED}"
    if lower.ci95[0] > 0 and lower.p < VERDICT_SIGNIFICANCE:
        return Verdict.BETTER, ""
    if upper.ci95[1] < 0 and upper.p < VERDICT_SIGNIFICANCE:
        return Verdict.WORSE, ""
    if lower.difference <= 0 <= upper.difference and upper.difference > lower.difference:
        return Verdict.CANNOT_SAY, (
            f"{unseen[0]:.0%} of its first ten documents, and {unseen[1]:.0%} of the other's, were never shown to a "
            f"searcher, and depending on them {MEASURE} differs by {lower.difference:+.3f} to {upper.difference:+.3f}"
        )
    return Verdict.CANNOT_SAY, ""


def _first_tens(contestant: Contestant, judged: Sequence[JudgedInput], clauses: int) -> list[list[str]]:
    """The ids of the first ten documents for each input, as the service shows them."""
    engine = contestant.engine
    rankings: list[list[str]] = []
    for start in range(0, len(judged), _BATCH):
        typed = [each.query for each in judged[start : start + _BATCH]]
        results = engine.search(_rewritten(contestant.rewriter, typed, clauses), DEPTH)
        for query, ranking in zip(typed, results, strict=True):
            first = exact_titles_first(ranking, engine.with_title(query), DEPTH)
            rankings.append([document.doc_id for document in first])
    return rankings


def _rewritten(rewriter: Rewriter | None, queries: Sequence[str], clauses: int) -> list[WeightedQuery]:
    if rewriter is None:
        return [WeightedQuery.of(query) for query in queries]
    return [rewrite.blend.heaviest(clauses) for rewrite in rewriter.rewrite([RewriteRequest(q) for q in queries])]


def _has_relevant(query: JudgedQuery) -> bool:
    return any(grade > 0 for grade in query.relevance.values())


def _values(contestant: Contestant, judged: Sequence[JudgedQuery], clauses: int) -> NDArray[np.float64]:
    """(n,) the measure of each query."""
    topics = [Topic(str(row), query.request.query, _grades(query)) for row, query in enumerate(judged)]
    rankings = _rankings(contestant, judged, clauses)
    return evaluate_rankings(topics, rankings, (MEASURE,)).values[MEASURE]


def _mean_by_need(values: NDArray[np.float64], needs: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """(needs,) mean over the queries of each need."""
    return np.array([np.mean([values[row] for row in rows]) for rows in needs])


def _rows_by_need(judged: Sequence[JudgedQuery]) -> list[list[int]]:
    """Rows of the queries of each need. Queries share a need if they share a topic, and so its judgments; in a log
    that names no topics, if they have the same index terms."""
    rows: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, query in enumerate(judged):
        names_topic = query.shown is None
        need = frozenset(query.relevance.items()) if names_topic else need_of_query(query.request.query)
        rows[need].append(row)
    return list(rows.values())


def _grades(query: JudgedQuery) -> dict[str, int]:
    """Grades as whole numbers: those of a topic as they are; clicks per examination, which are below 1, become 1."""
    return {doc_id: max(1, int(grade)) for doc_id, grade in query.relevance.items() if grade > 0}


def _rankings(contestant: Contestant, judged: Sequence[JudgedQuery], clauses: int) -> list[list[ScoredDoc]]:
    """The first documents for each query."""
    engine = contestant.engine
    rankings: list[list[ScoredDoc]] = []
    for start in range(0, len(judged), _BATCH):
        batch = judged[start : start + _BATCH]
        searched = _searched(contestant.rewriter, batch, clauses)
        rankings += [_ranking(engine, query, logged) for logged, query in zip(batch, searched, strict=True)]
    return rankings


def _searched(rewriter: Rewriter | None, batch: Sequence[JudgedQuery], clauses: int) -> list[WeightedQuery]:
    return _rewritten(rewriter, [query.request.query for query in batch], clauses)


def _ranking(engine: SearchEngine, query: WeightedQuery, logged: JudgedQuery) -> list[ScoredDoc]:
    """The first documents for a rewritten query, and first of all, as in the service, those whose title is the typed
    query."""
    shown = logged.shown
    ranking = engine.search([query], _DEPTH)[0] if shown is None else _condensed(engine, query, shown)
    titled = [doc_id for doc_id in engine.with_title(logged.request.query) if shown is None or doc_id in shown]
    return exact_titles_first(ranking, titled, _DEPTH)


def _condensed(engine: SearchEngine, query: WeightedQuery, shown: frozenset[str]) -> list[ScoredDoc]:
    """The first of the shown documents, in the order of the full ranking."""
    ranks = {doc_id: rank for doc_id, rank in engine.rank_of(query, shown).items() if rank is not None}
    return [ScoredDoc(doc_id, 1.0 / ranks[doc_id]) for doc_id in sorted(ranks, key=ranks.__getitem__)[:_DEPTH]]
