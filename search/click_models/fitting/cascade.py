"""Expectation maximisation for the models of the cascade family that allow several clicks: DCM, SDBN and DBN.

Down to the last click nothing is hidden: the user examined every rank, and no click but the last one can have
satisfied. Two things are hidden: whether the last click satisfied, and if it did not, how far the user read on below
it without a click.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from untilclick.search.click_models.base import PRIOR_CLICKS, PRIOR_VIEWS, Items, Mask, Probs


@dataclass(frozen=True, slots=True)
class Evidence:
    """The lists of a log, with the parameters that apply at each rank; all arrays are (N, k)."""

    items: Items
    """Index of the attractiveness, `NO_DOCUMENT` below the end of a list."""
    clicked: Mask
    satisfiers: Items
    """Index of the satisfaction: the item for SDBN and DBN, the rank for DCM."""
    n_items: int
    n_satisfiers: int


class Posterior(NamedTuple):
    """Probabilities of the hidden events at each rank, given the clicks of the list; both (N, k)."""

    examined: Probs
    satisfied: Probs


class CascadeEstimates(NamedTuple):
    """Fitted parameters, each in [0, 1]."""

    attractiveness: Probs
    """(n_items,)."""
    satisfaction: Probs
    """(n_satisfiers,)."""
    going_on: float
    """Probability that an unsatisfied user examines the next rank."""


def fit_cascade(
    evidence: Evidence, max_iterations: int, tolerance: float, going_on: float | None
) -> CascadeEstimates:
    """The parameters under which the log is most likely. `going_on` is fixed; None means that it is
    estimated too."""
    attractiveness, satisfaction = np.full(evidence.n_items, 0.5), np.full(evidence.n_satisfiers, 0.5)
    g = 0.9 if going_on is None else going_on
    shown = evidence.items >= 0  # (N, k)
    # Clicks do not depend on the parameters, so they are counted once.
    n_clicks = np.bincount(evidence.satisfiers[evidence.clicked], minlength=evidence.n_satisfiers)
    item_clicks = np.bincount(evidence.items[evidence.clicked], minlength=evidence.n_items)
    for _ in range(max_iterations):
        a = np.append(attractiveness, 0.0)[evidence.items]  # (N, k); NO_DOCUMENT (-1) takes the appended 0
        s = np.append(satisfaction, 0.0)[evidence.satisfiers]  # (N, k)
        posterior = posterior_of(evidence.clicked, shown, a, s, g)
        views = np.bincount(evidence.items[shown], posterior.examined[shown], evidence.n_items)  # expected number
        new_a = (item_clicks + PRIOR_CLICKS) / (views + PRIOR_VIEWS)
        weights = posterior.satisfied[evidence.clicked]
        satisfied = np.bincount(evidence.satisfiers[evidence.clicked], weights, evidence.n_satisfiers)
        new_s = (satisfied + PRIOR_CLICKS) / (n_clicks + PRIOR_VIEWS)
        new_g = g if going_on is not None else _going_on(posterior, shown)
        change = max(
            float(np.abs(new_a - attractiveness).max(initial=0.0)),
            float(np.abs(new_s - satisfaction).max(initial=0.0)),
            abs(new_g - g),
        )
        attractiveness, satisfaction, g = new_a, new_s, new_g
        if change < tolerance:
            break
    return CascadeEstimates(attractiveness, satisfaction, g)


def posterior_of(clicked: Mask, shown: Mask, a: Probs, s: Probs, g: float) -> Posterior:
    """The posterior of the hidden events, for attractiveness a (N, k), satisfaction s (N, k) and continuation g.

    Let q_r be the probability of no click at r and below if r is examined: q_r = (1 - a_r)(1 - g + g q_{r+1}), and 1
    below the end of the list. Let l be the last click and d = s_l + (1 - s_l)(1 - g + g q_{l+1}) the probability of
    the silence below it. Then l satisfied with probability s_l / d. Rank l + 1 was examined with probability
    (1 - s_l) g q_{l+1} / d, and each rank r + 1 below it, if r was examined, with probability
    g q_{r+1} / (1 - g + g q_{r+1}). Without a click, the same holds from rank 1 on, which is always examined.
    """
    k = clicked.shape[1]
    none_below = _no_click_from(shown, a, g)  # (N, k + 1)
    clicks_from = np.cumsum(clicked[:, ::-1], axis=1)[:, ::-1]  # (N, k) number of clicks at r and below
    examined, satisfied = np.zeros(clicked.shape), np.zeros(clicked.shape)
    reach = np.ones(len(clicked))  # (N,) probability that rank r is examined
    for r in range(k):
        examined[:, r] = reach * shown[:, r]
        next_silent = none_below[:, r + 1]  # (N,) q_{r+1}
        stays_silent = 1.0 - g + g * next_silent  # (N,) unsatisfied: leaves, or goes on without a click
        last = clicked[:, r] & (clicks_from[:, r] == 1)  # (N,) the last click of the list
        after_click = s[:, r] + (1.0 - s[:, r]) * stays_silent  # (N,) d
        satisfied[:, r] = np.where(last, s[:, r] / np.maximum(after_click, 1e-12), 0.0)
        goes_on = g * next_silent / np.maximum(stays_silent, 1e-12)
        more_clicks = clicks_from[:, r] - clicked[:, r] > 0  # (N,) a click below proves that r + 1 was examined
        reach = np.where(more_clicks, 1.0, reach * (1.0 - satisfied[:, r]) * goes_on)
    return Posterior(examined, satisfied)


def _no_click_from(shown: Mask, a: Probs, g: float) -> Probs:
    """(N, k + 1) probability q_r of no click at rank r and below, given that r is examined."""
    k = shown.shape[1]
    silent = np.ones((len(shown), k + 1))
    for r in range(k - 1, -1, -1):
        silent[:, r] = np.where(shown[:, r], (1.0 - a[:, r]) * (1.0 - g + g * silent[:, r + 1]), 1.0)
    return silent


def _going_on(posterior: Posterior, shown: Mask) -> float:
    """The M step for g: among the examined ranks that did not satisfy and have a rank below, the share whose rank
    below was examined."""
    has_next = shown[:, 1:]  # (N, k - 1)
    chances = ((posterior.examined - posterior.satisfied)[:, :-1] * has_next).sum()
    continued = (posterior.examined[:, 1:] * has_next).sum()
    return float((continued + PRIOR_CLICKS) / (chances + PRIOR_VIEWS))
