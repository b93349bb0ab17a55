"""The dynamic Bayesian network (DBN): a user clicks on attractive results, leaves if the document satisfies, and may
give up after any result."""

from __future__ import annotations

from dataclasses import dataclass

from untilclick.search.click_models.base import Items, Probs, class_values
from untilclick.search.click_models.chain import CascadeFamily


@dataclass(frozen=True, slots=True)
class DynamicBayesianNetwork(CascadeFamily):
    """Whether a click satisfies depends on the document's class; an unsatisfied user goes on with the same
    probability at every rank.

    Chapelle & Zhang, "A Dynamic Bayesian Network Click Model for Web Search Ranking", WWW 2009.
    """

    attractiveness: tuple[float, ...]
    """By item class, each in [0, 1]."""
    satisfaction: tuple[float, ...]
    """By item class: probability that a click on the document satisfies."""
    continuation: float = 0.9
    """Probability that an unsatisfied user looks at the next rank; .9 is the value of Chapelle & Zhang (section
    5)."""

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
