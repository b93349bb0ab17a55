"""Reciprocal rank fusion: merges several rankings for one need into one, by ranks alone.

Scores are ignored, because scores of different queries or engines are not comparable.
"""

from __future__ import annotations

from collections.abc import Sequence

from untilclick.search.records import ScoredDoc

RRF_K = 60
"""The constant of the paper. The larger it is, the less the first ranks differ from the later ones."""


def reciprocal_rank_fusion(rankings: Sequence[Sequence[ScoredDoc]], n: int, k: int = RRF_K) -> list[ScoredDoc]:
    """The n best documents by the sum of 1 / (k + rank) over the rankings that contain them, best first.

    Tied documents stay in the order in which they first appear, ranking by ranking. Without documents the list is
    empty. Source: Cormack, Clarke & Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual
    rank learning methods", SIGIR 2009.
    """
    scores: dict[str, float] = {}
    for ranking in rankings:
        for rank, entry in enumerate(ranking, start=1):
            scores[entry.doc_id] = scores.get(entry.doc_id, 0.0) + 1.0 / (k + rank)
    fused = sorted(scores.items(), key=lambda item: -item[1])
    return [ScoredDoc(doc_id, score) for doc_id, score in fused[:n]]
