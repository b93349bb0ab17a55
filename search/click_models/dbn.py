"""The dynamic Bayesian network (DBN): attraction by what is seen, satisfaction by what is read, and losing heart."""

from __future__ import annotations

from dataclasses import dataclass

from untilclick.search.click_models.base import Items, Probs, class_values
from untilclick.search.click_models.chain import CascadeFamily


@dataclass(frozen=True, slots=True)
class DynamicBayesianNetwork(CascadeFamily):
    """A click satisfies by the document's class; an unsatisfied user goes on with one probability throughout.

    Chapelle & Zhang, "A Dynamic Bayesian Network Click Model for Web Search Ranking", WWW 2009.
    """

    attractiveness: tuple[float, ...]
    """By item class, each in [0, 1]."""
    satisfaction: tuple[float, ...]
    """By item class: probability that a click on it satisfies."""
    continuation: float = 0.9
    """Probability that an unsatisfied user looks at the next rank; .9 is the value Chapelle & Zhang choose
    (section 5)."""

    @property
    def name(self) -> str:
        """DBN."""
        return "DBN"

    @property
    def going_on(self) -> float:
        """The continuation."""
        return self.continuation

    def attraction(self, items: Items) -> Probs:
        """The attractiveness of the item's class."""
        return class_values(self.attractiveness, items)

    def satisfaction_prob(self, items: Items) -> Probs:
        """The satisfaction of the item's class."""
        return class_values(self.satisfaction, items)
