"""Log-likelihood and perplexity: how well click probabilities predict the clicks of a log.

Log-likelihood takes the probabilities of `ClickModel.conditional_click_prob`, perplexity those of
`ClickModel.click_prob`. Chuklin, Markov & de Rijke, "Click Models for Web Search", 2015, sections 5.1 and 5.2.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from untilclick.search.click_models.base import Mask, Probs

MIN_PROB = 1e-6
"""Probabilities are clipped to [MIN_PROB, 1 - MIN_PROB]. The cascade model gives a second click probability 0, and a
single list with two clicks must not make a measure infinite."""


class Perplexity(NamedTuple):
    """1 is a perfect prediction, 2 is as good as tossing a coin, and more is worse than that."""

    overall: float
    """Mean over ranks."""
    by_rank: NDArray[np.float64]
    """(k,) perplexity of each rank."""


def log_likelihood(conditional_click_prob: Probs, clicked: Mask, shown: Mask | None = None) -> float:
    """Mean over lists of the mean over shown ranks r of ln P(click or skip at r | the clicks above r).

    All arrays are (N, k). `shown` is False below the end of a list; None means that all ranks are shown. Lists
    without a shown rank are left out, and without any list the result is 0.
    """
    seen = np.ones_like(clicked) if shown is None else shown  # (N, k)
    counts = seen.sum(axis=1)  # (N,) length of each list
    sums = np.where(seen, _log_prob(conditional_click_prob, clicked), 0.0).sum(axis=1)  # (N,)
    not_empty = counts > 0
    return float((sums[not_empty] / counts[not_empty]).mean()) if not_empty.any() else 0.0


def perplexity(click_prob: Probs, clicked: Mask, shown: Mask | None = None) -> Perplexity:
    """For each rank r, 2 to the power of the mean over lists of -log2 P(click or skip at r); and the mean over ranks.

    All arrays are (N, k), as in `log_likelihood`. A rank that no list reaches is left out of the mean and has
    perplexity 1.
    """
    seen = np.ones_like(clicked) if shown is None else shown  # (N, k)
    counts = seen.sum(axis=0)  # (k,) lists that reach each rank
    sums = np.where(seen, _log_prob(click_prob, clicked), 0.0).sum(axis=0)  # (k,)
    by_rank = np.exp(-sums / np.maximum(counts, 1))  # (k,); e^(mean of -ln P) = 2^(mean of -log2 P)
    reached = counts > 0
    return Perplexity(float(by_rank[reached].mean()) if reached.any() else 1.0, by_rank)


def _log_prob(click_prob: Probs, clicked: Mask) -> Probs:
    """(N, k) logarithm of the probability of the click or skip at each rank."""
    clipped = np.clip(click_prob, MIN_PROB, 1.0 - MIN_PROB)
    return np.where(clicked, np.log(clipped), np.log1p(-clipped))
