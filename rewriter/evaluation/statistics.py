"""Paired statistics of two systems on the same topics: difference, interval, p value, wins, losses, harm.

Queries of one need are won and lost together, so tests and intervals resample needs and not queries; means and shares
stay those of the queries.

Both resampling methods are SciPy's. No t-test is offered: the differences of ranking measures are mostly zeros and
far from normal. P values are not corrected for the number of comparisons; a reader of a table of many should do so.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from untilclick.search.measures.metrics import HARM_MARGIN

SIGNIFICANCE = 0.05
"""A difference counts as more than chance if its p value is below this."""

TIE_TOLERANCE = 1e-9
"""Differences below this are rounding noise and count as ties."""

RESAMPLES = 9_999
"""Sign flips and bootstrap samples. With the observed sample that makes 10,000, so p is a multiple of 1/10,000."""

_BATCH = 512
"""Resamples held in memory at once."""

Floats = NDArray[np.float64]
Needs = NDArray[np.int64]
"""(n,) number of the need that each topic states."""


class TopicValues(NamedTuple):
    """The values of one measure that a system reached, topic by topic."""

    system: str
    values: Floats
    """(n,) one value per topic. Values that are compared have the same order of topics."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """System `a` against system `b` on n topics; positive differences favour `a`."""

    a: str
    b: str
    measure: str
    difference: float
    """Mean of a - b."""
    ci95: tuple[float, float]
    """Bootstrap interval of the difference."""
    p: float
    """p value of the two-sided paired randomisation test, 0..1."""
    wins: int
    """Topics on which `a` is better."""
    losses: int
    """Topics on which `b` is better."""
    harmed_share: float
    """Share of topics on which `a` is worse by more than HARM_MARGIN, 0..1."""
    n: int
    """Topics compared."""
    n_needs: int | None = None
    """Needs that the topics state; None in files of versions that did not count them."""
    harmed_ci95: tuple[float, float] | None = None
    """Bootstrap interval of `harmed_share`, None as above. (0, 0) if no topic is harmed, which is no bound."""

    @property
    def significant(self) -> bool:
        """Whether the test calls the difference more than chance."""
        return self.p < SIGNIFICANCE

    @property
    def ties(self) -> int:
        """Topics on which both systems are equal."""
        return self.n - self.wins - self.losses


def compare(
    a: TopicValues,
    b: TopicValues,
    measure: str,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    needs: Needs | None = None,
) -> Comparison:
    """Compare two systems on the same topics; None for `needs`: each topic states a need of its own.

    Without topics the difference is 0, the interval (0, 0) and p 1. Raises ValueError if the numbers of values
    differ."""
    difference = _differences(a.values, b.values)  # (n,)
    n = difference.size
    # a loss of exactly the margin is not harm, whichever way the subtraction rounded it
    harmed = (difference < -HARM_MARGIN - TIE_TOLERANCE).astype(np.float64)  # (n,)
    return Comparison(
        a=a.system,
        b=b.system,
        measure=measure,
        difference=float(difference.mean()) if n else 0.0,
        ci95=bootstrap_ci95(difference, rng, resamples, needs),
        p=randomisation_p(difference, rng, resamples, needs),
        wins=int((difference > 0).sum()),
        losses=int((difference < 0).sum()),
        harmed_share=float(harmed.mean()) if n else 0.0,
        n=n,
        n_needs=n if needs is None else int(np.unique(needs).size),
        harmed_ci95=bootstrap_ci95(harmed, rng, resamples, needs),
    )


def randomisation_p(
    difference: Floats, rng: np.random.Generator, resamples: int = RESAMPLES, needs: Needs | None = None
) -> float:
    """Two-sided p of Fisher's paired randomisation test on differences (n,): the share of random sign flips whose
    mean is at least as far from 0. All differences of a need have one sign. Exact if 2^needs <= resamples. No
    difference at all, or a single need, gives 1.

    Source: Smucker, Allan & Carterette, "A comparison of statistical significance tests for information retrieval
    evaluation", CIKM 2007, section 3.1.
    """
    sums = _sums(difference, needs)  # (needs,)
    if sums.size < 2 or not np.any(sums):  # both signs of a lone need are equally far from 0
        return 1.0
    result = stats.permutation_test(
        (sums,),
        _mean,
        permutation_type="samples",  # of one sample: flips signs
        vectorized=True,
        n_resamples=resamples,
        batch=_BATCH,
        alternative="two-sided",
        rng=rng,
    )
    return min(float(np.asarray(result.pvalue)), 1.0)


def bootstrap_ci95(
    difference: Floats, rng: np.random.Generator, resamples: int = RESAMPLES, needs: Needs | None = None
) -> tuple[float, float]:
    """95 % interval of the mean of differences (n,), bias-corrected and accelerated. A sample has whole needs.

    A single need, and needs of equal means d, give (d, d), which says nothing about certainty; no topic gives (0, 0).
    If the acceleration is undefined, the percentile interval
    takes its place.

    Source: Efron, "Better bootstrap confidence intervals", JASA 82(397), 1987; of clusters: Field & Welsh,
    "Bootstrapping clustered data", JRSS B 69(3), 2007.
    """
    if difference.size == 0:
        return 0.0, 0.0
    sums, counts = _sums(difference, needs), _sums(np.ones(difference.size), needs)  # (needs,) each
    if np.ptp(sums / counts) <= TIE_TOLERANCE:
        mean = float(difference.mean())
        return mean, mean
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # the percentile interval below replaces it
        interval = _interval(sums, counts, rng, resamples, "BCa")
    return interval if np.isfinite(interval).all() else _interval(sums, counts, rng, resamples, "percentile")


def _interval(
    sums: Floats, counts: Floats, rng: np.random.Generator, resamples: int, method: Literal["BCa", "percentile"]
) -> tuple[float, float]:
    """The interval of the mean over topics, from the sums and the numbers of topics of all needs, (needs,) each."""
    interval = stats.bootstrap(
        (sums, counts),
        _quotient,
        paired=True,
        n_resamples=resamples,
        batch=_BATCH,
        vectorized=True,
        confidence_level=0.95,
        method=method,
        rng=rng,
    ).confidence_interval
    return float(interval.low), float(interval.high)


def _mean(values: Floats, axis: int = -1) -> Floats:
    """Mean over needs of many resamples at once, (..., needs) to (...)."""
    return np.asarray(values.mean(axis=axis), dtype=np.float64)


def _quotient(sums: Floats, counts: Floats, axis: int = -1) -> Floats:
    """Mean over topics of many resamples at once, (..., needs) each to (...)."""
    return np.asarray(sums.sum(axis=axis) / counts.sum(axis=axis), dtype=np.float64)


def _sums(values: Floats, needs: Needs | None) -> Floats:
    """(needs,) sum over the topics of each need, with rounding noise set to 0; without needs the values of the
    topics."""
    if needs is None:
        return values
    sums = np.asarray(np.bincount(np.unique(needs, return_inverse=True)[1], values), dtype=np.float64)
    return np.where(np.abs(sums) <= TIE_TOLERANCE, 0.0, sums)


def _differences(a: Floats, b: Floats) -> Floats:
    """(n,) a - b, with rounding noise set to 0."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(
            f"Paired values have shapes {a.shape} and {b.shape}; expected two vectors of one length. "
            "Give both systems the same topics."
        )
    difference = a - b  # (n,)
    return np.where(np.abs(difference) <= TIE_TOLERANCE, 0.0, difference)
