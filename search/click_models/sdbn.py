"""The simplified dynamic Bayesian network (SDBN): a DBN in which an unsatisfied user always goes on."""

from __future__ import annotations

from dataclasses import dataclass

from untilclick.search.click_models.base import Items, Probs, class_values
from untilclick.search.click_models.chain import CascadeFamily


@dataclass(frozen=True, slots=True)
class SimplifiedDynamicBayesianNetwork(CascadeFamily):
    """Chapelle & Zhang, WWW 2009, section 3.4: the DBN with continuation 1."""

    attractiveness: tuple[float, ...]
    """By item class, each in [0, 1]."""
    satisfaction: tuple[float, ...]
    """By item class: probability that a click on the document satisfies."""

    @property
    def name(self) -> str:
        """SDBN."""
        return "SDBN"

    def attraction(self, items: Items) -> Probs:
        """The attractiveness of the item's class."""
        return class_values(self.attractiveness, items)

    def satisfaction_prob(self, items: Items) -> Probs:
        """The satisfaction of the item's class."""
        return class_values(self.satisfaction, items)
