"""The position-based model (PBM): a click needs an attractive document and a look, which depends on the rank
alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from untilclick.search.click_models.base import (
    DRAWS_PER_RANK,
    Clicks,
    Items,
    Mask,
    Probs,
    class_values,
    first_of_independent,
    rank_of_first,
)


@dataclass(frozen=True, slots=True)
class PositionBasedModel:
    """The clicks of a list are independent: P(click at r) = examination[r] attractiveness[class].

    The model does not define satisfaction. The first click on a relevant document (class above 0) is taken to end the
    session; clicks on irrelevant documents never end it. `sample` draws the clicks below that rank too.

    Richardson, Dominowska & Ragno, "Predicting Clicks", WWW 2007; Craswell et al., WSDM 2008.
    """

    attractiveness: tuple[float, ...]
    """By item class, each in [0, 1]."""
    examination: tuple[float, ...]
    """By rank, each in [0, 1]; lists may not be longer."""

    @property
    def name(self) -> str:
        """PBM."""
        return "PBM"

    def sample(self, items: Items, rng: np.random.Generator) -> Clicks:
        """See `ClickModel.sample`."""
        return self.sample_with(items, rng.random((*items.shape, DRAWS_PER_RANK)))

    def sample_with(self, items: Items, draws: Probs) -> Clicks:
        """See `ClickModel.sample_with`."""
        clicked = draws[:, :, 0] < self.click_prob(items)  # (B, k)
        return Clicks(clicked, rank_of_first(clicked & (items > 0)))

    def first_click_prob(self, items: Items) -> Probs:
        """See `ClickModel.first_click_prob`."""
        return first_of_independent(self.click_prob(items))

    def click_prob(self, items: Items) -> Probs:
        """See `ClickModel.click_prob`."""
        examination = np.asarray(self.examination, dtype=np.float64)[: items.shape[1]]  # (k,), for all lists
        return class_values(self.attractiveness, items) * examination

    def conditional_click_prob(self, items: Items, clicked: Mask) -> Probs:  # noqa: ARG002
        """See `ClickModel.conditional_click_prob`; in this model the clicks above have no influence."""
        return self.click_prob(items)
