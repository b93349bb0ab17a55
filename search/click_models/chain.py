"""The cascade family of click models: the user reads from the top, and goes on or leaves after each document.

CM, DCM, SDBN and DBN differ in two probabilities only: that a click satisfies, and that an unsatisfied user goes on.
The recursions over ranks are therefore shared. The user

    examines rank 1;
    clicks an examined document with probability a, its attractiveness;
    is satisfied by a click with probability s;
    examines the next rank with probability g if not satisfied, with or without a click.

Chapelle & Zhang, "A Dynamic Bayesian Network Click Model for Web Search Ranking", WWW 2009, eq. 1-7.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from untilclick.search.click_models.base import DRAWS_PER_RANK, Clicks, Items, Mask, Probs, rank_of_first


class CascadeFamily(ABC):
    """The methods of the four models, for the probabilities a, s and g of a subclass."""

    @abstractmethod
    def attraction(self, items: Items) -> Probs:
        """(B, k) probability a of a click on an examined document."""

    @abstractmethod
    def satisfaction_prob(self, items: Items) -> Probs:
        """(B, k) probability s that a click on the document satisfies the user, who then examines nothing below."""

    @property
    def going_on(self) -> float:
        """Probability g that an unsatisfied user examines the next rank."""
        return 1.0

    def sample(self, items: Items, rng: np.random.Generator) -> Clicks:
        """See `ClickModel.sample`."""
        return self.sample_with(items, rng.random((*items.shape, DRAWS_PER_RANK)))

    def sample_with(self, items: Items, draws: Probs) -> Clicks:
        """See `ClickModel.sample_with`. If no click can satisfy (`perfect` users, who read every list to its end),
        the first click on a relevant document (class above 0) ends the session instead."""
        attraction, satisfaction = self.attraction(items), self.satisfaction_prob(items)  # (B, k) each
        clicked = np.zeros(items.shape, dtype=bool)
        satisfying = np.zeros(items.shape, dtype=bool)
        examining = np.ones(len(items), dtype=bool)  # (B,) whether the user looks at rank r
        for r in range(items.shape[1]):
            clicked[:, r] = examining & (draws[:, r, 0] < attraction[:, r])
            satisfying[:, r] = clicked[:, r] & (draws[:, r, 1] < satisfaction[:, r])
            # One number decides both: below s the user is satisfied, from there to s + (1 - s) g goes on, else
            # leaves.
            goes_on = draws[:, r, 1] < satisfaction[:, r] + (1.0 - satisfaction[:, r]) * self.going_on
            goes_on_after_skip = draws[:, r, 1] < self.going_on
            examining &= np.where(clicked[:, r], goes_on & ~satisfying[:, r], goes_on_after_skip)
        if not satisfaction.any():
            satisfying = clicked & (items > 0)
        return Clicks(clicked, rank_of_first(satisfying))

    def first_click_prob(self, items: Items) -> Probs:
        """See `ClickModel.first_click_prob`: a_r g^(r-1) prod_{j<r} (1 - a_j)."""
        attraction = self.attraction(items)
        examined = np.ones(len(items))  # (B,)
        result = np.empty(items.shape)
        for r in range(items.shape[1]):
            result[:, r] = examined * attraction[:, r]
            examined = examined * (1.0 - attraction[:, r]) * self.going_on
        return result

    def click_prob(self, items: Items) -> Probs:
        """See `ClickModel.click_prob`: a_r e_r with e_1 = 1, e_{r+1} = e_r g (1 - a_r s_r)."""
        attraction, satisfaction = self.attraction(items), self.satisfaction_prob(items)
        examined = np.ones(len(items))  # (B,)
        result = np.empty(items.shape)
        for r in range(items.shape[1]):
            result[:, r] = examined * attraction[:, r]
            examined = examined * self.going_on * (1.0 - attraction[:, r] * satisfaction[:, r])
        return result

    def conditional_click_prob(self, items: Items, clicked: Mask) -> Probs:
        """See `ClickModel.conditional_click_prob`: a_r e_r with e_1 = 1 and, by Bayes' rule, e_{r+1} = g (1 - s_r)
        after a click, g e_r (1 - a_r) / (1 - a_r e_r) after none."""
        attraction, satisfaction = self.attraction(items), self.satisfaction_prob(items)
        examined = np.ones(len(items))  # (B,)
        result = np.empty(items.shape)
        for r in range(items.shape[1]):
            result[:, r] = examined * attraction[:, r]
            no_click = np.maximum(1.0 - result[:, r], np.finfo(float).tiny)  # 0 for a certain click: no skip happens
            after_skip = examined * (1.0 - attraction[:, r]) / no_click
            examined = self.going_on * np.where(clicked[:, r], 1.0 - satisfaction[:, r], after_skip)
        return result
