"""How far two rankings of systems agree: Kendall's tau with its interval, over decided pairs, and its ceiling.

A ranking is given by values (S, n) of S systems on n needs and goes by the means. Intervals resample needs.

Kendall, "The treatment of ties in ranking problems", Biometrika 33(3), 1945 (tau-b).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

LEAST_T = 2.0
"""A pair of systems is decided if the mean difference is this many standard errors away from 0."""
RESAMPLES = 2_000
SPLITS = 500
"""Random halves of the needs, for the ceiling."""


@dataclass(frozen=True, slots=True)
class Tau:
    """An agreement with its 95 % interval, each -1..1."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two rankings of systems."""

    all_pairs: Tau
    """Kendall's tau-b."""
    decided: Tau
    """Concordant less discordant pairs as a share of the decided ones; 0 without any."""
    n_decided: int
    n_pairs: int


def agreement(values: Floats, truth: Floats, rng: np.random.Generator, resamples: int = RESAMPLES) -> Agreement:
    """How far values (S, n) rank systems as those of a truth (S, m) do. Pairs are decided by the whole truth. The
    interval resamples the needs of both sides (percentile bootstrap: Efron & Tibshirani, 1993, chapter 13)."""
    pairs = decided_pairs(truth)

    def interval(statistic: Callable[[Floats, Floats], float]) -> Tau:
        needs = (np.arange(values.shape[1]), np.arange(truth.shape[1]))
        result = stats.bootstrap(
            needs,
            lambda a, b: statistic(values[:, a].mean(axis=1), truth[:, b].mean(axis=1)),
            n_resamples=resamples,
            vectorized=False,
            method="percentile",
            rng=rng,
        ).confidence_interval
        whole = statistic(values.mean(axis=1), truth.mean(axis=1))
        return Tau(whole, float(result.low), float(result.high))

    n_pairs = values.shape[0] * (values.shape[0] - 1) // 2
    return Agreement(interval(tau_b), interval(lambda a, b: tau_of_pairs(a, b, pairs)), len(pairs), n_pairs)


def ceiling(truth: Floats, rng: np.random.Generator, splits: int = SPLITS) -> Agreement:
    """How far one half of the needs ranks systems (S, n) as the other half does: mean and central 95 % of random
    halves. Pairs are decided by all needs. Fewer than two needs give an agreement of 0."""
    pairs, half = decided_pairs(truth), truth.shape[1] // 2
    taus = np.zeros((splits, 2))
    for split in range(splits if half else 0):
        order = rng.permutation(truth.shape[1])
        a, b = (truth[:, needs].mean(axis=1) for needs in (order[:half], order[half:]))
        taus[split] = tau_b(a, b), tau_of_pairs(a, b, pairs)
    (low, low_decided), (high, high_decided) = np.percentile(taus, (2.5, 97.5), axis=0).tolist()
    mean, mean_decided = taus.mean(axis=0).tolist()
    n_pairs = truth.shape[0] * (truth.shape[0] - 1) // 2
    return Agreement(Tau(mean, low, high), Tau(mean_decided, low_decided, high_decided), len(pairs), n_pairs)


def tau_b(a: Floats, b: Floats) -> float:
    """Kendall's tau-b of two vectors of means (S,); 0 if one of them is constant."""
    tau = float(stats.kendalltau(a, b, method="asymptotic").statistic)
    return tau if np.isfinite(tau) else 0.0


def tau_of_pairs(a: Floats, b: Floats, pairs: list[tuple[int, int]]) -> float:
    """Concordant less discordant ones of some pairs, as a share of them; 0 without pairs."""
    signs = [np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i, j in pairs]
    return float(np.mean(signs)) if signs else 0.0


def decided_pairs(truth: Floats) -> list[tuple[int, int]]:
    """The pairs of systems that differ by more than `LEAST_T` standard errors of values (S, n), n >= 2."""
    return [
        (i, j) for i, j in combinations(range(truth.shape[0]), 2) if abs(t_statistic(truth[i] - truth[j])) > LEAST_T
    ]


def t_statistic(difference: Floats) -> float:
    """Mean of differences (n,) in standard errors; infinite for equal ones other than 0, and 0 for fewer than two."""
    if difference.size < 2 or not difference.any():
        return 0.0
    error = difference.std(ddof=1) / np.sqrt(difference.size)
    return float(difference.mean() / error) if error > 0 else float(np.copysign(np.inf, difference.mean()))
