"""The cascade model (CM): the user reads from the top and leaves after the first click."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from untilclick.search.click_models.base import Items, Probs, class_values
from untilclick.search.click_models.chain import CascadeFamily


@dataclass(frozen=True, slots=True)
class CascadeModel(CascadeFamily):
    """Every click satisfies, so a list gets at most one click.

    `first_click_prob` is then the probability that the user stops at a rank, and the expectation of 1 / rank is the
    expected reciprocal rank (ERR) of Chapelle et al., CIKM 2009.

    Craswell, Zoeter, Taylor & Ramsey, "An Experimental Comparison of Click Position-Bias Models", WSDM 2008.
    """

    attractiveness: tuple[float, ...]
    """By item class, each in [0, 1]."""

    @property
    def name(self) -> str:
        """CM."""
        return "CM"

    def attraction(self, items: Items) -> Probs:
        """The attractiveness of the item's class."""
        return class_values(self.attractiveness, items)

    def satisfaction_prob(self, items: Items) -> Probs:
        """Always 1."""
        return np.ones(items.shape)
