"""The dependent-click model (DCM): after each click the user may go on, more or less likely by rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from untilclick.search.click_models.base import Items, Probs, class_values
from untilclick.search.click_models.chain import CascadeFamily


@dataclass(frozen=True, slots=True)
class DependentClickModel(CascadeFamily):
    """A user who leaves after a click is satisfied by it. The chance to go on is `continuation[r] (1 - stop[class])`.

    Guo, Liu & Wang, "Efficient Multiple-Click Models in Web Search", WSDM 2009, know only the continuation by rank.
    Online learning to rank (Hofmann, Whiteson & de Rijke, "Balancing exploration and exploitation in listwise and
    pairwise online learning to rank for information retrieval", Information Retrieval 16, 2013) knows only the stop
    probability by grade, and then DCM and SDBN are one model. Here both factors may be given.
    """

    attractiveness: tuple[float, ...]
    """By item class, each in [0, 1]."""
    stop: tuple[float, ...]
    """By item class: probability to leave after a click on it."""
    continuation: tuple[float, ...] = (1.0,)
    """By rank; ranks below the last entry take the last."""

    @property
    def name(self) -> str:
        """DCM."""
        return "DCM"

    def attraction(self, items: Items) -> Probs:
        """The attractiveness of the item's class."""
        return class_values(self.attractiveness, items)

    def satisfaction_prob(self, items: Items) -> Probs:
        """1 - continuation (1 - stop)."""
        ranks = np.minimum(np.arange(items.shape[1]), len(self.continuation) - 1)
        continuation = np.asarray(self.continuation)[ranks]
        return 1.0 - continuation * (1.0 - class_values(self.stop, items))
