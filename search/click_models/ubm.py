"""The user-browsing model (UBM): a look at a rank depends on the rank and on the last click above it."""

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
class UserBrowsingModel:
    """P(click at r | last click at r') = examination[r][r'] attractiveness[class].

    The model does not define satisfaction; as in the position-based model, the first click on a relevant document
    (class above 0) is taken to end the session.

    Dupret & Piwowarski, "A User Browsing Model to Predict Search Engine Click Data from Past Observations",
    SIGIR 2008, eq. 2.
    """

    attractiveness: tuple[float, ...]
    """By item class, each in [0, 1]."""
    examination: tuple[tuple[float, ...], ...]
    """Row r is the 0-based rank, column r' the 1-based rank of the last click above it, 0 for no click. Row r has at
    least r + 1 columns; lists may not be longer than the number of rows."""

    @property
    def name(self) -> str:
        """UBM."""
        return "UBM"

    def sample(self, items: Items, rng: np.random.Generator) -> Clicks:
        """See `ClickModel.sample`."""
        return self.sample_with(items, rng.random((*items.shape, DRAWS_PER_RANK)))

    def sample_with(self, items: Items, draws: Probs) -> Clicks:
        """See `ClickModel.sample_with`."""
        attraction = class_values(self.attractiveness, items)
        clicked = np.zeros(items.shape, dtype=bool)
        last = np.zeros(len(items), dtype=np.int64)  # (B,) rank of the last click so far
        for r in range(items.shape[1]):
            examined = np.asarray(self.examination[r])[last]  # (B,)
            clicked[:, r] = draws[:, r, 0] < attraction[:, r] * examined
            last = np.where(clicked[:, r], r + 1, last)
        return Clicks(clicked, rank_of_first(clicked & (items > 0)))

    def first_click_prob(self, items: Items) -> Probs:
        """See `ClickModel.first_click_prob`. No click is above the first one, so column 0 alone is needed."""
        unclicked = np.asarray([row[0] for row in self.examination[: items.shape[1]]])  # (k,)
        return first_of_independent(class_values(self.attractiveness, items) * unclicked)

    def click_prob(self, items: Items) -> Probs:
        """See `ClickModel.click_prob`. The distribution of the last click's rank is carried down the list."""
        attraction = class_values(self.attractiveness, items)  # (B, k)
        last_prob = np.zeros((len(items), items.shape[1] + 1))  # (B, k + 1); column 0: no click yet
        last_prob[:, 0] = 1.0
        result = np.empty(items.shape)
        for r in range(items.shape[1]):
            click_given_last = attraction[:, r, None] * np.asarray(self.examination[r])[: r + 1]  # (B, r + 1)
            joint = last_prob[:, : r + 1] * click_given_last  # (B, r + 1)
            result[:, r] = joint.sum(axis=1)
            last_prob[:, : r + 1] -= joint  # a click at r moves this mass to column r + 1
            last_prob[:, r + 1] = result[:, r]
        return result

    def conditional_click_prob(self, items: Items, clicked: Mask) -> Probs:
        """See `ClickModel.conditional_click_prob`."""
        attraction = class_values(self.attractiveness, items)
        last = last_click_above(clicked)  # (B, k)
        examined = np.empty(items.shape)
        for r in range(items.shape[1]):
            examined[:, r] = np.asarray(self.examination[r])[last[:, r]]
        return attraction * examined


def last_click_above(clicked: Mask) -> Items:
    """(B, k) 1-based rank of the lowest click above each rank, 0 for none. [[1, 0, 1]] -> [[0, 1, 1]]"""
    ranks = np.where(clicked, np.arange(1, clicked.shape[1] + 1), 0)  # (B, k) [[1, 0, 1]] -> [[1, 0, 3]]
    lowest = np.maximum.accumulate(ranks, axis=1)  # (B, k) of the clicks down to the rank itself: [[1, 1, 3]]
    return np.concatenate([np.zeros_like(lowest[:, :1]), lowest[:, :-1]], axis=1)[:, : clicked.shape[1]]
