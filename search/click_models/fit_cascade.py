"""Expectation maximisation for the cascade family with several clicks: DCM, SDBN and DBN.

Down to the last click everything is known: each rank was examined, no click but the last can have satisfied. Hidden
is only what happened below it: was the user satisfied, and if not, how far did it read on without a click?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from untilclick.search.click_models.base import PRIOR_CLICKS, PRIOR_VIEWS, Items, Mask, Probs


@dataclass(frozen=True, slots=True)
class Evidence:
    """A log, and which parameter each place of it speaks about; arrays (N, k)."""

    items: Items
    """Index of the attractiveness, `NO_DOCUMENT` behind the end."""
    clicked: Mask
    satisfiers: Items
    """Index of the satisfaction: the item (SDBN, DBN) or the rank (DCM)."""
    n_items: int
    n_satisfiers: int


class Posterior(NamedTuple):
    """Probabilities of the hidden events, given the clicks; all (N, k)."""

    examined: Probs
    satisfied: Probs


def fit_cascade(
    evidence: Evidence, max_iterations: int, tolerance: float, going_on: float | None
) -> tuple[Probs, Probs, float]:
    """Attractiveness (n_items,), satisfaction (n_satisfiers,), and the probability that an unsatisfied user goes on:
    the one given, or its estimate where None is given."""
    attractiveness, satisfaction = np.full(evidence.n_items, 0.5), np.full(evidence.n_satisfiers, 0.5)
    g = 0.9 if going_on is None else going_on
    shown = evidence.items >= 0
    n_clicks = np.bincount(evidence.satisfiers[evidence.clicked], minlength=evidence.n_satisfiers)
    item_clicks = np.bincount(evidence.items[evidence.clicked], minlength=evidence.n_items)
    for _ in range(max_iterations):
        a = np.append(attractiveness, 0.0)[evidence.items]
        s = np.append(satisfaction, 0.0)[evidence.satisfiers]
        posterior = posterior_of(evidence.clicked, shown, a, s, g)
        views = np.bincount(evidence.items[shown], posterior.examined[shown], evidence.n_items)
        new_a = (item_clicks + PRIOR_CLICKS) / (views + PRIOR_VIEWS)
        weights = posterior.satisfied[evidence.clicked]
        satisfied = np.bincount(evidence.satisfiers[evidence.clicked], weights, evidence.n_satisfiers)
        new_s = (satisfied + PRIOR_CLICKS) / (n_clicks + PRIOR_VIEWS)
        new_g = g if going_on is not None else _going_on(posterior, shown)
        moved = max(
            float(np.abs(new_a - attractiveness).max(initial=0.0)),
            float(np.abs(new_s - satisfaction).max(initial=0.0)),
            abs(new_g - g),
        )
        attractiveness, satisfaction, g = new_a, new_s, new_g
        if moved < tolerance:
            break
    return attractiveness, satisfaction, g


def posterior_of(clicked: Mask, shown: Mask, a: Probs, s: Probs, g: float) -> Posterior:
    """What was examined and what satisfied, given the clicks, at attractiveness a and satisfaction s (both (N, k)).

    With q_r the probability of no click at r and below, r being examined: q_r = (1 - a_r)(1 - g + g q_{r+1}), 1
    behind the end of the list. The last click at l, with d = s_l + (1 - s_l)(1 - g + g q_{l+1}), satisfied with
    probability s_l / d; rank l + 1 was examined with (1 - s_l) g q_{l+1} / d, and each rank below, given the one
    above it, with g q_{r+1} / (1 - g + g q_{r+1}). Without a click, rank 1 was.
    """
    k = clicked.shape[1]
    none_below = _no_click_from(shown, a, g)  # (N, k + 1)
    clicks_from = np.cumsum(clicked[:, ::-1], axis=1)[:, ::-1]  # clicks at r and below
    examined, satisfied = np.zeros(clicked.shape), np.zeros(clicked.shape)
    reach = np.ones(len(clicked))
    for r in range(k):
        examined[:, r] = reach * shown[:, r]
        next_silent = none_below[:, r + 1]
        stays_silent = 1.0 - g + g * next_silent
        last = clicked[:, r] & (clicks_from[:, r] == 1)
        after_click = s[:, r] + (1.0 - s[:, r]) * stays_silent
        satisfied[:, r] = np.where(last, s[:, r] / np.maximum(after_click, 1e-12), 0.0)
        goes_on = g * next_silent / np.maximum(stays_silent, 1e-12)
        more_clicks = clicks_from[:, r] - clicked[:, r] > 0
        reach = np.where(more_clicks, 1.0, reach * (1.0 - satisfied[:, r]) * goes_on)
    return Posterior(examined, satisfied)


def _no_click_from(shown: Mask, a: Probs, g: float) -> Probs:
    """(N, k + 1) probability q_r of no click from rank r on, given that r is examined."""
    k = shown.shape[1]
    silent = np.ones((len(shown), k + 1))
    for r in range(k - 1, -1, -1):
        silent[:, r] = np.where(shown[:, r], (1.0 - a[:, r]) * (1.0 - g + g * silent[:, r + 1]), 1.0)
    return silent


def _going_on(posterior: Posterior, shown: Mask) -> float:
    """Share of the examined, unsatisfying ranks with another below after which that one was examined."""
    has_next = shown[:, 1:]
    chances = ((posterior.examined - posterior.satisfied)[:, :-1] * has_next).sum()
    taken = (posterior.examined[:, 1:] * has_next).sum()
    return float((taken + PRIOR_CLICKS) / (chances + PRIOR_VIEWS))
