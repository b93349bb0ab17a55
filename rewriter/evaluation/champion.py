"""Whether a new rewriter, the challenger, is better than the one that answers, the champion, on search sessions that
renewals keep from every version.

The sessions are parted by a hash of their need that does not change from version to version: what one version is
judged by, no version made from `kept_for_judging` ever learned from (`untilclick train` reads whole logs). Where
sessions name a simulated user's topic, its judgments count. Otherwise a clicked document is relevant, and rankings
are compared on those documents alone that searchers were shown, because nobody could click on others (condensed
lists: Sakai, "Alternatives to Bpref", SIGIR 2007). That favours the version that made the lists of the log;
interleaving (`/v1/experiments`) does not.

Judged are first queries of sessions; those of one need count as one, because they are won and lost together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from untilclick.rewriter.data.logged_queries import JudgedQuery, SplitLog, need_of_query, split_sessions
from untilclick.rewriter.evaluation.statistics import Comparison, compare
from untilclick.rewriter.rewrite import Rewriter
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.records import ScoredDoc, Session, Topic, WeightedQuery

JUDGED_SHARE = 0.2
"""Share of the needs that are kept for judging."""
MEASURE = "nDCG@10"
MAX_JUDGED = 2_000
"""Queries judged at most; with as many, differences of .01 show."""
MIN_JUDGED = 30
"""Needs below which nobody is called better: intervals of a few differences are far too narrow."""
CERTAIN = 0.05
"""Largest p at which a difference is no chance."""
_DEPTH = 10
_TOGETHER = 64
"""Queries rewritten at once."""


@dataclass(frozen=True)
class Contestant:
    """A rewriter under its name; None searches as typed."""

    name: str
    rewriter: Rewriter | None


def is_better(comparison: Comparison) -> bool:
    """Whether a is better than b beyond chance: on enough needs, by interval and by test."""
    return comparison.n >= MIN_JUDGED and comparison.ci95[0] > 0 and comparison.p < CERTAIN


def is_worse(comparison: Comparison) -> bool:
    """The same the other way round."""
    return comparison.n >= MIN_JUDGED and comparison.ci95[1] < 0 and comparison.p < CERTAIN


def kept_for_judging(sessions: Iterable[Session]) -> SplitLog:
    """Sessions to learn from (`training`), and those to judge by (`validation`)."""
    return split_sessions(sessions, JUDGED_SHARE, purpose="judge")


def judge(
    engine: SearchEngine,
    challenger: Contestant,
    champion: Contestant,
    queries: Sequence[JudgedQuery],
    clauses: int,
    rng: np.random.Generator,
) -> Comparison:
    """Compare two rewriters on the first queries of sessions, each need counted once; `clauses` of a rewrite are
    searched, the heaviest, as the service does. Queries without a relevant document are left out. Without any query
    there is no difference, and none is better."""
    judged = [
        one for one in queries if not one.request.history and any(grade > 0 for grade in one.relevance.values())
    ]
    judged = judged[:MAX_JUDGED]
    topics = [Topic(str(i), one.request.query, _grades(one)) for i, one in enumerate(judged)]
    a, b = (
        evaluate_rankings(topics, _rankings(engine, one.rewriter, judged, clauses), (MEASURE,)).values[MEASURE]
        for one in (challenger, champion)
    )
    needs = _needs(judged)
    values = tuple(np.array([np.mean([side[i] for i in rows]) for rows in needs]) for side in (a, b))
    return compare((challenger.name, champion.name), MEASURE, (values[0], values[1]), rng)


def _needs(judged: Sequence[JudgedQuery]) -> list[list[int]]:
    """Rows of the queries of one need: of one topic, which has its judgments, or of the same words."""
    rows: defaultdict[Hashable, list[int]] = defaultdict(list)
    for i, one in enumerate(judged):
        rows[frozenset(one.relevance.items()) if one.shown is None else need_of_query(one.request.query)].append(i)
    return list(rows.values())


def _grades(one: JudgedQuery) -> dict[str, int]:
    """Grades of a topic as they are; of clicks per look, which are below 1, every one is 1."""
    return {doc_id: max(1, int(grade)) for doc_id, grade in one.relevance.items() if grade > 0}


def _rankings(
    engine: SearchEngine, rewriter: Rewriter | None, judged: Sequence[JudgedQuery], clauses: int
) -> list[list[ScoredDoc]]:
    """The first documents for each query."""
    rankings: list[list[ScoredDoc]] = []
    for start in range(0, len(judged), _TOGETHER):
        part = judged[start : start + _TOGETHER]
        if rewriter is None:
            searched = [WeightedQuery.of(one.request.query) for one in part]
        else:
            searched = [
                rewrite.blend.heaviest(clauses) for rewrite in rewriter.rewrite([one.request for one in part])
            ]
        rankings += [_ranking(engine, query, one.shown) for one, query in zip(part, searched, strict=True)]
    return rankings


def _ranking(engine: SearchEngine, query: WeightedQuery, shown: frozenset[str] | None) -> list[ScoredDoc]:
    return engine.search([query], _DEPTH)[0] if shown is None else _condensed(engine, query, shown)


def _condensed(engine: SearchEngine, query: WeightedQuery, shown: frozenset[str]) -> list[ScoredDoc]:
    """The first of the shown documents, in the order of the full ranking."""
    ranks = {doc_id: rank for doc_id, rank in engine.rank_of(query, shown).items() if rank is not None}
    return [ScoredDoc(doc_id, 1.0 / ranks[doc_id]) for doc_id in sorted(ranks, key=ranks.__getitem__)[:_DEPTH]]
