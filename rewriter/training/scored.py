"""The score of a policy on held-out queries, and when two scores cannot be told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Needs = NDArray[np.int64]
"""(n,) number of the need of each query."""


@dataclass(frozen=True)
class Scored:
    """A score, query by query if that matters."""

    mean: float
    """Higher is better."""
    values: Floats | None = None
    """(n,) the scores of the queries, whose mean it is."""
    needs: Needs | None = None
    """(n,) their needs; None if they are not known."""

    @classmethod
    def of(cls, score: Scored | float) -> Scored:
        """The score itself, or a plain number as a score."""
        return score if isinstance(score, Scored) else cls(score)

    def is_level_with(self, best: Scored) -> bool:
        """Whether it is at most one standard error, by need, below the best (Breiman et al., "Classification and
        Regression Trees", 1984, 3.4.3). False if the queries or their needs are not known."""
        if self.values is None or best.values is None or self.needs is None:
            return False
        gap = best.values - self.values
        return bool(gap.mean() <= standard_error(gap, self.needs))


def standard_error(values: Floats, needs: Needs) -> float:
    """Standard error of the mean of values (n,) whose needs (n,) were drawn, and not the values: values of one need
    go together. Infinite for a single need.

    Source: Liang & Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73(1), 1986.
    """
    sums = np.bincount(np.unique(needs, return_inverse=True)[1], values - values.mean())  # (needs,)
    if sums.size < 2:
        return float("inf")
    return float(np.sqrt(sums.size / (sums.size - 1) * (sums @ sums))) / values.size
