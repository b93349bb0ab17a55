"""Whether a new rewriter is better than the one that answers, on search sessions that were kept from both.

The sessions are parted by a hash of their need that does not change from version to version: what one version is
judged by, no version ever learned from. Where sessions name a simulated user's topic, its judgments count. Otherwise
a clicked document is relevant, and rankings are compared on those documents alone that searchers were shown, because
nobody could click on others (condensed lists: Sakai, "Alternatives to Bpref", SIGIR 2007). That favours the version
that made the lists of the log; interleaving (`/v1/experiments`) does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rewriter.rewrite import Rewriter
from rewriter.statistics import Comparison, compare
from rewriter.training_data import LoggedQuery, SplitLog, mostly_first, split_sessions
from search.engine import SearchEngine
from search.metrics import evaluate_rankings
from search.records import ScoredDoc, Session, Topic, WeightedQuery

JUDGED_SHARE = 0.2
"""Share of the needs that are kept for judging."""
MEASURE = "nDCG@10"
MAX_JUDGED = 2_000
"""Queries judged at most; with as many, differences of .01 show."""
LATER_SHARE = 0.5
"""Later queries of sessions, at most, as a share of the first ones."""
_DEPTH = 10
_TOGETHER = 64
"""Queries rewritten at once."""


def is_better(comparison: Comparison) -> bool:
    """Whether the 95 % interval of the difference lies above 0."""
    return comparison.ci95[0] > 0


def kept_for_judging(sessions: Iterable[Session]) -> SplitLog:
    """Sessions to learn from (`training`), and those to judge by (`validation`)."""
    return split_sessions(sessions, JUDGED_SHARE, purpose="judge")


def judge(
    engine: SearchEngine,
    rivals: tuple[tuple[str, Rewriter], tuple[str, Rewriter | None]],
    queries: Sequence[LoggedQuery],
    rng: np.random.Generator,
) -> Comparison:
    """Compare two named rewriters on logged queries; None searches as typed. Queries without a relevant document are
    left out. Without any query there is no difference, and none is better."""
    judged = mostly_first([one for one in queries if any(grade > 0 for grade in one.relevance.values())], LATER_SHARE)
    judged = judged[:MAX_JUDGED]
    topics = [Topic(str(i), one.request.query, _grades(one)) for i, one in enumerate(judged)]
    (new, challenger), (old, champion) = rivals
    values = tuple(
        evaluate_rankings(topics, _rankings(engine, rewriter, judged), (MEASURE,)).values[MEASURE]
        for rewriter in (challenger, champion)
    )
    return compare((new, old), MEASURE, (values[0], values[1]), rng)


def _grades(one: LoggedQuery) -> dict[str, int]:
    """Grades of a topic as they are; 1 for what was clicked, however often."""
    return {doc_id: max(1, int(grade)) for doc_id, grade in one.relevance.items() if grade > 0}


def _rankings(
    engine: SearchEngine, rewriter: Rewriter | None, judged: Sequence[LoggedQuery]
) -> list[list[ScoredDoc]]:
    """The first documents for each query."""
    rankings: list[list[ScoredDoc]] = []
    for start in range(0, len(judged), _TOGETHER):
        part = judged[start : start + _TOGETHER]
        if rewriter is None:
            searched = [WeightedQuery.of(one.request.query) for one in part]
        else:
            searched = [rewrite.blend for rewrite in rewriter.rewrite([one.request for one in part])]
        found = engine.search(searched, _DEPTH)
        rankings += [
            ranking if one.shown is None else _condensed(engine, query, one.shown)
            for one, query, ranking in zip(part, searched, found, strict=True)
        ]
    return rankings


def _condensed(engine: SearchEngine, query: WeightedQuery, shown: frozenset[str]) -> list[ScoredDoc]:
    """The first of the shown documents, in the order of the full ranking."""
    ranks = {doc_id: rank for doc_id, rank in engine.rank_of(query, shown).items() if rank is not None}
    return [ScoredDoc(doc_id, 1.0 / ranks[doc_id]) for doc_id in sorted(ranks, key=ranks.__getitem__)[:_DEPTH]]
