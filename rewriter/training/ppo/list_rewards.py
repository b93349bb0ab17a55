"""What lists of documents are paid: clicks at their ranks, by users who see nothing but the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.training.ppo.list_returns import discounted_clicks
from untilclick.search.click_models.base import NO_DOCUMENT, ClickModel


class ListRewards(Protocol):
    """Source of rewards for lists; it knows queries by their position."""

    def __call__(self, rows: NDArray[np.int64], documents: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """(N, L) rewards at the ranks of N = b x G lists for the queries at positions `rows` (b,), the G lists of one
        query next to each other. `documents` (N, L) are rows of the corpus, `NO_DOCUMENT` below the end of a list."""


@dataclass(frozen=True, eq=False)
class ClickRewards:
    """Clicks of simulated users, each discounted by the queries that its session took before. Grades are read here
    alone, and only those of documents that are shown."""

    users: ClickModel
    grades: Sequence[Mapping[int, int]]
    """Of each query: row of the corpus -> grade, 0 for all others."""
    queries_before: Tensor
    """(Q,) number of earlier queries in the session of each query."""
    discount: float = 0.7
    """Factor for each earlier query, as `offline.discount`."""
    expected: bool = False
    """Whether a rank is paid the probability of its click in place of a drawn click: what the mean of very many users
    would say, which a log never knows."""

    def __call__(self, rows: NDArray[np.int64], documents: NDArray[np.int64], rng: np.random.Generator) -> Tensor:
        """See `ListRewards`."""
        repeated = np.repeat(rows, len(documents) // len(rows))  # (N,)
        items = np.array([self._grades_of(int(row), shown) for row, shown in zip(repeated, documents, strict=True)])
        clicks = self.users.click_prob(items) if self.expected else self.users.sample(items, rng).clicked
        return discounted_clicks(torch.from_numpy(clicks).float(), self.queries_before[repeated], self.discount)

    def _grades_of(self, row: int, shown: NDArray[np.int64]) -> list[int]:
        grades = self.grades[row]
        return [NO_DOCUMENT if place == NO_DOCUMENT else grades.get(place, 0) for place in shown.tolist()]
