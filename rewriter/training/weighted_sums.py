"""The grades of the first documents by weighted sums of the same parts, for many weights.

A blend sums parts: the scores of the query as typed, of other words, of documents. A grid of blends changes only the
weights, and a ranking shows ten documents. A document that is not among the first n of any part scores at most the
weighted sum of the n-th scores, the threshold of Fagin, Lotem & Naor, "Optimal aggregation algorithms for
middleware", PODS 2001. If the last of the first ten candidates scores more, they are the first ten of all documents.
The few queries where it does not are ranked among all documents, and so are those with equal scores among the first:
their order is that of a ranking of all documents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, cat
from torch.nn.functional import pad

CANDIDATES = 64
"""Documents of each part that are candidates, the first by its scores. With more, fewer queries are ranked among all
documents, and each sum is longer."""
BLOCK = 64
"""Queries that are ranked among all documents at a time, so that their scores stay in the processor's cache."""

Weights = Sequence[Tensor]
"""The weights of each part, (B, 1) for B queries, at least 0."""
Rank = Callable[[Tensor, int], NDArray[np.int64]]
"""Gives the first k documents (n, k) by scores (n, D), in rank order, -1 after the last score above 0."""


@dataclass(frozen=True, eq=False)
class Part:
    """A part of weighted sums."""

    scores: Tensor
    """(B, D) of D documents for B queries, at least 0."""

    @cached_property
    def first(self) -> Tensor:
        """(B, n) the documents of the highest scores, in any order."""
        return self.scores.topk(min(CANDIDATES, self.scores.shape[1]), dim=1, sorted=False).indices

    @cached_property
    def most_of_others(self) -> Tensor:
        """(B, 1) the highest score that a document outside `first` may have; 0 if there is none."""
        if self.first.shape[1] == self.scores.shape[1]:
            return self.scores.new_zeros(self.scores.shape[0], 1)
        return self.scores.gather(1, self.first).amin(1, keepdim=True)


class WeightedSums:
    """Weighted sums of parts, for B queries and D documents."""

    def __init__(self, parts: Sequence[Part], grades: NDArray[np.float32], rank: Rank) -> None:
        """`grades` (B, D) are those of the documents."""
        self._parts, self._grades, self._rank = parts, grades, rank

    def grades(self, weights: Weights, k: int) -> NDArray[np.float32]:
        """(B, k) grades of the first k documents by a weighted sum, in rank order; 0 after the last score above 0."""
        grades = np.zeros((self._grades.shape[0], k), dtype=np.float32)
        self._rank_all(np.arange(grades.shape[0]), weights, grades)
        return grades

    def grades_by_candidates(self, weights: Weights, k: int) -> NDArray[np.float32]:
        """The same as `grades`, from the candidates of the parts: slower for the first weights, faster for more."""
        candidates, of_candidates = self._candidates
        scores = _sum(weights, candidates)  # (B, C)
        if scores.shape[1] <= k:
            return self.grades(weights, k)
        first, columns = scores.topk(k + 1, dim=1)  # (B, k + 1)
        grades = np.take_along_axis(of_candidates, columns[:, :k].numpy(), axis=1)
        grades *= (first[:, :k] > 0).numpy()
        others = _sum(weights, [part.most_of_others for part in self._parts])  # (B, 1)
        is_reached = (others >= first[:, k - 1 : k]) & (others > 0)
        is_tied = (first[:, :-1] == first[:, 1:]) & (first[:, 1:] > 0)
        unsure = is_reached.squeeze(1) | is_tied.any(1)  # (B,)
        self._rank_all(np.flatnonzero(unsure.numpy()), weights, grades)
        return grades

    @cached_property
    def _candidates(self) -> tuple[list[Tensor], NDArray[np.float32]]:
        """Scores (B, C) of the candidates by each part, and their grades (B, C). A document that several parts have
        scores 0 in all its places but the first."""
        rows = cat([part.first for part in self._parts], 1).sort(1).values  # (B, C)
        is_repeated = pad(rows[:, 1:] == rows[:, :-1], (1, 0))
        scores = [part.scores.gather(1, rows).masked_fill_(is_repeated, 0.0) for part in self._parts]
        return scores, np.take_along_axis(self._grades, rows.numpy(), axis=1)

    def _rank_all(self, places: NDArray[np.int64], weights: Weights, grades: NDArray[np.float32]) -> None:
        """Rank all documents for the queries at these places, and write the grades of the first into `grades`
        (B, k)."""
        for rows in np.split(places, range(BLOCK, places.size, BLOCK)):
            scores = _sum([each[rows] for each in weights], [part.scores[rows] for part in self._parts])  # (n, D)
            ranked = self._rank(scores, grades.shape[1])  # (n, k)
            grades[rows] = self._grades[rows[:, None], np.maximum(ranked, 0)] * (ranked >= 0)


def _sum(weights: Weights, parts: Sequence[Tensor]) -> Tensor:
    """(n, C) weighted sum of parts (n, C). Each step rounds, and rounding keeps order: the sum of the largest scores
    of other documents is at least the sum of each of them."""
    total = weights[0] * parts[0]
    for weight, part in zip(weights[1:], parts[1:], strict=True):
        total += weight * part
    return total
