"""How well a click model predicts a log: log-likelihood and perplexity.

Chuklin, Markov & de Rijke, "Click Models for Web Search", 2015, section 5.1 and 5.2. Both take probabilities, so any
source of them can be judged: log-likelihood those of `conditional_click_prob`, perplexity those of `click_prob`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.search.click_models.base import Mask, Probs

MIN_PROB = 1e-6
"""Probabilities are kept in [MIN_PROB, 1 - MIN_PROB]: a cascade model gives a second click probability 0, and one
such session must not make the measure infinite."""


class Perplexity(NamedTuple):
    """1 is a perfect prediction, 2 a coin, more is worse than a coin."""

    overall: float
    """Mean over ranks."""
    by_rank: NDArray[np.float64]
    """(k,)."""


def log_likelihood(conditional_click_prob: Probs, clicked: Mask, shown: Mask | None = None) -> float:
    """Mean over lists of the mean over shown ranks of ln P(what happened at r | the clicks above r).

    All arrays (N, k); `shown` is False where a list has ended (default: all shown). Nothing shown at all gives 0.
    """
    seen = np.ones_like(clicked) if shown is None else shown
    counts = seen.sum(axis=1)
    sums = np.where(seen, _log_prob(conditional_click_prob, clicked), 0.0).sum(axis=1)
    kept = counts > 0
    return float((sums[kept] / counts[kept]).mean()) if kept.any() else 0.0


def perplexity(click_prob: Probs, clicked: Mask, shown: Mask | None = None) -> Perplexity:
    """2 to the power of the mean over lists of -log2 P(what happened at r), for each rank, and its mean over ranks.

    All arrays (N, k), as above. A rank never shown is left out of the mean and has perplexity 1.
    """
    seen = np.ones_like(clicked) if shown is None else shown
    counts = seen.sum(axis=0)
    sums = np.where(seen, _log_prob(click_prob, clicked), 0.0).sum(axis=0)
    by_rank = np.exp(-sums / np.maximum(counts, 1))
    kept = counts > 0
    return Perplexity(float(by_rank[kept].mean()) if kept.any() else 1.0, by_rank)


def _log_prob(click_prob: Probs, clicked: Mask) -> Probs:
    clipped = np.clip(click_prob, MIN_PROB, 1.0 - MIN_PROB)
    return np.where(clicked, np.log(clipped), np.log1p(-clipped))
