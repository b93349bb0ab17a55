"""The score of a policy on held-out queries, and when two scores cannot be told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Needs = NDArray[np.int64]
"""(n,) number of the need of each query."""


@dataclass(frozen=True, eq=False)
class Strata:
    """Groups of queries that count in shares of their own, however many queries each has."""

    of_query: Needs
    """(n,) number of the stratum of each query, 0 or more."""
    weights: Floats
    """(n,) weights of the queries, which sum to 1 and are equal within a stratum; 0 for queries that do not count."""

    def mean(self, values: Floats | NDArray[np.bool_]) -> float:
        """The mean of values (n,): that of the means of the strata in their shares."""
        return float(np.dot(self.weights, values.astype(np.float64)))

    def deviations(self, values: Floats) -> Floats:
        """(n,) weighted deviations of values (n,) from the means of their strata; 0 for queries that do not count."""
        totals = np.bincount(self.of_query, self.weights)
        sums = np.bincount(self.of_query, self.weights * values)
        means = np.divide(sums, totals, out=np.zeros_like(sums), where=totals > 0)
        return self.weights * (values - means[self.of_query])


@dataclass(frozen=True)
class Scored:
    """A score, query by query if that matters."""

    mean: float
    """Higher is better."""
    values: Floats | None = None
    """(n,) the scores of the queries, whose mean it is."""
    needs: Needs | None = None
    """(n,) their needs; None if they are not known."""
    strata: Strata | None = None
    """The strata that their mean is taken over; None if every query counts as much."""

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
        return mean_of(gap, self.strata) <= standard_error(gap, self.needs, self.strata)


def mean_of(values: Floats | NDArray[np.bool_], strata: Strata | None = None) -> float:
    """The mean of values (n,), over strata if there are any."""
    return float(values.mean()) if strata is None else strata.mean(values)


def standard_error(values: Floats, needs: Needs, strata: Strata | None = None) -> float:
    """Standard error of the mean of values (n,) whose needs (n,) were drawn, and not the values: values of one need
    go together, also where its queries are in several strata. Infinite for a single need.

    Source: Liang & Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 73(1), 1986; with
    strata, the deviations are those from the mean of each stratum, whose share is fixed.
    """
    if strata is not None:
        counted = strata.weights > 0
        sums = _sums(strata.deviations(values)[counted], needs[counted])
        return _spread(sums)
    return _spread(_sums(values - values.mean(), needs)) / values.size


def _sums(deviations: Floats, needs: Needs) -> Floats:
    """(needs,) the sum of the deviations (n,) of each need."""
    return np.asarray(np.bincount(np.unique(needs, return_inverse=True)[1], deviations), dtype=np.float64)


def _spread(sums: Floats) -> float:
    """Standard error of a sum over needs, from the deviations of the needs (needs,)."""
    if sums.size < 2:
        return float("inf")
    return float(np.sqrt(sums.size / (sums.size - 1) * (sums @ sums)))
