"""Fusion: merges several rankings for one need into one, by ranks or by scores.

Ranks need no comparable scores: those of different queries or engines are not. Scores of BM25 and of an encoder for
one query are made comparable by dividing each by its maximum.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from untilclick.search.records import ScoredDoc

Floats = NDArray[np.float64]

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


def sum_of_scaled(scores: Sequence[NDArray[np.floating]], weights: Sequence[float]) -> Floats:
    """(..., D) The weighted sum of several systems' scores of D documents, each divided by its maximum over them.

    Scores without a positive maximum count 0. With the weights (.5, .5), ([2, 0], [.1, .4]) gives [.625, .5]. Source:
    CombSUM of Fox & Shaw, "Combination of multiple searches", TREC-2, 1994, with scores scaled as by Lee, "Analyses
    of multiple evidence combination", SIGIR 1997, but from 0 instead of the minimum, which is 0 for BM25.
    """
    total = np.zeros(np.broadcast_shapes(*(np.shape(each) for each in scores)))
    for each, weight in zip(scores, weights, strict=True):
        highest = np.max(each, axis=-1, keepdims=True, initial=0.0)
        total += weight * np.where(highest > 0, each / np.where(highest > 0, highest, 1.0), 0.0)
    return total
