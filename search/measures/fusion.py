"""Reciprocal rank fusion: several rankings of one need become one, by ranks alone.

Scores are not looked at, since scores of different queries or engines are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence

from untilclick.search.records import ScoredDoc

RRF_K = 60
"""The constant of the paper: how little the very first ranks stand out."""


def reciprocal_rank_fusion(rankings: Sequence[Sequence[ScoredDoc]], n: int, k: int = RRF_K) -> list[ScoredDoc]:
    """The n best documents by the sum of 1 / (k + rank) over the rankings that hold them, best first.

    Ties keep the order in which documents first appear, ranking by ranking. No rankings, or empty ones, give an
    empty list. Source: Cormack, Clarke & Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual
    rank learning methods", SIGIR 2009.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, entry in enumerate(ranking, start=1):
            scores[entry.doc_id] = scores.get(entry.doc_id, 0.0) + 1.0 / (k + rank)
    fused = sorted(scores.items(), key=lambda item: -item[1])
    return [ScoredDoc(doc_id, score) for doc_id, score in fused[:n]]
