"""The dependent-click model (DCM): after a click the user goes on with a probability that depends on the rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from untilclick.search.click_models.base import Items, Probs, class_values
from untilclick.search.click_models.chain import CascadeFamily


@dataclass(frozen=True, slots=True)
class DependentClickModel(CascadeFamily):
    """After a click the user goes on with probability `continuation[r] (1 - stop[class])`; leaving means
    satisfaction.

    Guo, Liu & Wang, "Efficient Multiple-Click Models in Web Search", WSDM 2009, have the continuation by rank only.
    Papers on online learning to rank (Hofmann, Whiteson & de Rijke, "Balancing exploration and exploitation in
    listwise and pairwise online learning to rank for information retrieval", Information Retrieval 16, 2013) have the
    stop probability by grade only, which makes DCM the same model as SDBN. This class has both factors.
    """

    attractiveness: tuple[float, ...]
    """By item class, each in [0, 1]."""
    stop: tuple[float, ...]
    """By item class: probability that the user leaves after a click on the document."""
    continuation: tuple[float, ...] = (1.0,)
    """By rank: probability that the user looks at the next rank after a click. Ranks below the last entry take the
    last entry."""

    @property
    def name(self) -> str:
        """DCM."""
        return "DCM"

    def attraction(self, items: Items) -> Probs:
        """The attractiveness of the item's class."""
        return class_values(self.attractiveness, items)

    def satisfaction_prob(self, items: Items) -> Probs:
        """1 - continuation (1 - stop)."""
        ranks = np.minimum(np.arange(items.shape[1]), len(self.continuation) - 1)  # (k,)
        continuation = np.asarray(self.continuation)[ranks]  # (k,), applies to all lists
        return 1.0 - continuation * (1.0 - class_values(self.stop, items))
