"""Compares rankings where nothing is known of some documents: bounds of the difference, in nDCG@10.

The documents that nobody was shown decide nothing. The upper bound takes those of the first version to be as good as
they may plausibly be and those of the second to be not relevant; the lower bound takes the opposite. A version is
better if even the lower bound is above 0, and worse if even the upper one is below. (Manski, "Nonparametric Bounds on
Treatment Effects", American Economic Review 80(2), 1990; of retrieval measures, the residual of Moffat & Zobel,
"Rank-biased precision for measurement of retrieval effectiveness", ACM TOIS 27(1), 2008.)

How good an unknown document may be: as good as the best known document that the other version ranks there or below,
and as known documents at this rank or below are in the mean. So documents that nobody was shown never make a version
worse: if it puts any number of them into the other's ranking, the upper bound is 0 or more, for every query. And
they never make a version better, because the lower bound counts them as not relevant.

Condensed lists (Sakai, "Alternatives to Bpref", SIGIR 2007) are the common alternative. They say more and are wrong
more often: a version that brings good new documents is compared on the rest of its list, on which the version that
made the log is at home. Figures are in docs/experiments.md, 2026-11-30.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.search.measures.metrics import dcg, ranks_to

DEPTH = 10
"""Ranks that count."""

Floats = NDArray[np.float64]
Ranking = Sequence[str]
"""doc_ids, best first."""
Grades = Mapping[str, float]
"""doc_id -> grade of each known document."""


class Bounds(NamedTuple):
    """The least and the greatest difference of two versions, query by query."""

    lower: Floats
    """(n,)"""
    upper: Floats
    """(n,)"""


def difference_bounds(a: Sequence[Ranking], b: Sequence[Ranking], known: Sequence[Grades]) -> Bounds:
    """Bounds of nDCG@10(a) - nDCG@10(b) for the rankings of n queries.

    A query's ideal is that of its known documents, so the bounds of a query may lie beyond -1 and 1. Where all ranked
    documents are known, both bounds are the difference. A query without a relevant document gives 0 for its known
    documents.
    """
    shares = [_shares_of_ideal(grades) for grades in known]
    plausible = _plausible_by_rank([*zip(a, shares, strict=True), *zip(b, shares, strict=True)])
    rows = zip(a, b, shares, strict=True)
    bounds = np.array([_bounds(first[:DEPTH], second[:DEPTH], gain, plausible) for first, second, gain in rows])
    return Bounds(*bounds.reshape(-1, 2).T)


def unknown_share(rankings: Sequence[Ranking], known: Sequence[Grades]) -> float:
    """Share of the first ten documents of all rankings of which nothing is known, 0..1; 0 without documents."""
    unknown = [doc_id not in grades for r, grades in zip(rankings, known, strict=True) for doc_id in r[:DEPTH]]
    return float(np.mean(unknown)) if unknown else 0.0


def _shares_of_ideal(grades: Grades) -> dict[str, float]:
    """The grades divided by the highest DCG that they allow: the nDCG of each document at rank 1."""
    best = np.array(sorted(grades.values(), reverse=True)[:DEPTH])
    ideal = float(dcg(ranks_to(best.size), best))
    return {doc_id: grade / ideal if ideal > 0 else 0.0 for doc_id, grade in grades.items()}


def _plausible_by_rank(rankings: Sequence[tuple[Ranking, Grades]]) -> Floats:
    """(DEPTH,) the largest mean gain of known documents at each rank or below, over both versions.

    The first half of `rankings` is one version's. A rank at which nothing is known has that of the ranks below; if
    there are none, the largest of all, or 1 if nothing at all is known.
    """
    half = len(rankings) // 2
    means = np.full(DEPTH, -np.inf)
    for version in (rankings[:half], rankings[half:]):
        for rank in range(DEPTH):
            gains = [gain[r[rank]] for r, gain in version if rank < len(r) and r[rank] in gain]
            if gains:
                means[rank] = max(means[rank], float(np.mean(gains)))
    below = np.maximum.accumulate(means[::-1])[::-1]
    return np.where(np.isfinite(below), below, means.max() if np.isfinite(means).any() else 1.0)


def _bounds(a: Ranking, b: Ranking, gains: Grades, plausible: Floats) -> tuple[float, float]:
    """The bounds for one query."""
    weights: dict[str, float] = {}  # discount in a less discount in b
    for ranking, sign in ((a, 1.0), (b, -1.0)):
        for doc_id, discount in zip(ranking, _DISCOUNTS, strict=False):
            weights[doc_id] = weights.get(doc_id, 0.0) + sign * discount
    most: dict[str, float] = {}
    for ranking, other in ((a, b), (b, a)):
        for doc_id, gain in _most_of_unknown(ranking, other, gains, plausible):
            most[doc_id] = max(most.get(doc_id, 0.0), gain)
    middle = sum(weight * gains[doc_id] for doc_id, weight in weights.items() if doc_id in gains)
    unknown = [weights[doc_id] * gain for doc_id, gain in most.items()]
    return middle + sum(min(value, 0.0) for value in unknown), middle + sum(max(value, 0.0) for value in unknown)


def _most_of_unknown(
    ranking: Ranking, other: Ranking, gains: Grades, plausible: Floats
) -> Iterator[tuple[str, float]]:
    """Each unknown document of a ranking with the largest gain that it may have."""
    for rank, doc_id in enumerate(ranking):
        if doc_id not in gains:
            displaced = max((gains.get(each, 0.0) for each in other[rank:]), default=0.0)
            yield doc_id, max(float(plausible[rank]), displaced)


_DISCOUNTS = (1.0 / np.log2(1.0 + ranks_to(DEPTH))).tolist()
