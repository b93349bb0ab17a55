"""Paired statistics of two systems on the same topics: difference, interval, p value, wins, losses, harm.

Both resampling methods are SciPy's. No t-test: the differences of ranking measures are mostly zeros and far from
normal. P values are not corrected for the number of comparisons; a reader of a table of many should do so.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

HARM_MARGIN = 0.05
"""A topic counts as harmed when it loses more than this, in units of the measure."""

TIE_TOLERANCE = 1e-9
"""Differences below this are rounding and count as ties."""

RESAMPLES = 9_999
"""Random assignments and bootstrap samples: p values are then multiples of 1/10,000."""

_BATCH = 512
"""Resamples held in memory at once."""

Floats = NDArray[np.float64]


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
    """Two-sided paired randomisation test, 0..1."""
    wins: int
    """Topics on which `a` is better."""
    losses: int
    """Topics on which `b` is better."""
    harmed_share: float
    """Share of topics on which `a` is worse by more than HARM_MARGIN, 0..1."""
    n: int
    """Topics compared."""

    @property
    def ties(self) -> int:
        """Topics on which both are equal."""
        return self.n - self.wins - self.losses


def compare(
    names: tuple[str, str],
    measure: str,
    values: tuple[Floats, Floats],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Compare systems `names` = (a, b) from their values (n,) per topic, in the same order of topics.

    Without topics the difference is 0, the interval (0, 0) and p 1. Raises ValueError where the lengths differ.
    """
    difference = _differences(values)
    n = difference.size
    return Comparison(
        a=names[0],
        b=names[1],
        measure=measure,
        difference=float(difference.mean()) if n else 0.0,
        ci95=bootstrap_ci95(difference, rng, resamples),
        p=randomisation_p(difference, rng, resamples),
        wins=int((difference > 0).sum()),
        losses=int((difference < 0).sum()),
        harmed_share=float((difference < -HARM_MARGIN - TIE_TOLERANCE).mean()) if n else 0.0,
        n=n,
    )


def randomisation_p(difference: Floats, rng: np.random.Generator, resamples: int = RESAMPLES) -> float:
    """Two-sided p of Fisher's paired randomisation test on differences (n,): the share of random sign flips whose
    mean is at least as far from 0. Exact where 2^n <= resamples. No difference at all, or no topic, gives 1.

    Source: Smucker, Allan & Carterette, "A comparison of statistical significance tests for information retrieval
    evaluation", CIKM 2007, section 3.1.
    """
    if difference.size < 2 or not np.any(difference):  # one topic has two signs, both as far out
        return 1.0
    result = stats.permutation_test(
        (difference,),
        _mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=resamples,
        batch=_BATCH,
        alternative="two-sided",
        rng=rng,
    )
    return min(float(np.asarray(result.pvalue)), 1.0)


def bootstrap_ci95(difference: Floats, rng: np.random.Generator, resamples: int = RESAMPLES) -> tuple[float, float]:
    """95 % interval of the mean of differences (n,), bias-corrected and accelerated. Equal differences d give
    (d, d), no topic gives (0, 0); where the acceleration is undefined the percentile interval stands in.

    Source: Efron, "Better bootstrap confidence intervals", JASA 82(397), 1987.
    """
    if difference.size == 0:
        return 0.0, 0.0
    if np.ptp(difference) <= TIE_TOLERANCE:
        mean = float(difference.mean())
        return mean, mean
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # answered by the percentile interval below
        interval = _interval(difference, rng, resamples, "BCa")
    return interval if np.isfinite(interval).all() else _interval(difference, rng, resamples, "percentile")


def _interval(
    difference: Floats, rng: np.random.Generator, resamples: int, method: Literal["BCa", "percentile"]
) -> tuple[float, float]:
    found = stats.bootstrap(
        (difference,),
        _mean,
        n_resamples=resamples,
        batch=_BATCH,
        vectorized=True,
        confidence_level=0.95,
        method=method,
        rng=rng,
    ).confidence_interval
    return float(found.low), float(found.high)


def _mean(values: Floats, axis: int = -1) -> Floats:
    return np.asarray(values.mean(axis=axis), dtype=np.float64)


def _differences(values: tuple[Floats, Floats]) -> Floats:
    """(n,) a - b, with rounding noise set to 0."""
    a, b = (np.asarray(one, dtype=np.float64) for one in values)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"Paired values need one length, got {a.shape} and {b.shape}")
    difference = a - b
    return np.where(np.abs(difference) <= TIE_TOLERANCE, 0.0, difference)
