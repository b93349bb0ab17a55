"""What every click model answers, and the two small helpers they share. The models are one file each beside this.

A click model is asked about a batch of result lists, given as item classes `items` (B, k): for simulated users the
class is the relevance grade of the document at each rank, for a model fitted to a log (`fit.py`) it
is the number of the query-document pair. `NO_DOCUMENT` fills lists shorter than k; it is never clicked and, standing
only at the end, changes nothing above it.

Definitions follow Chuklin, Markov & de Rijke, "Click Models for Web Search", Morgan & Claypool 2015, chapter 3.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Items = NDArray[np.integer]
"""(B, k) item classes: grades, or pair numbers."""
Probs = NDArray[np.float64]
Mask = NDArray[np.bool_]

NO_DOCUMENT = -1
"""Stands where a result list has ended."""
DRAWS_PER_RANK = 2
"""Uniform numbers a model consumes per rank: one decides the click, one what follows a click."""

PRIOR_CLICKS, PRIOR_VIEWS = 1.0, 2.0
"""What fits add to every count, clicks above and views below the line (Laplace's rule): an item never seen gets .5,
and no estimate is exactly 0 or 1."""


class Clicks(NamedTuple):
    """One draw of user behaviour for each list of a batch."""

    clicked: Mask
    """(B, k) all clicks of the model on this list."""
    satisfied: NDArray[np.int64]
    """(B,) 1-based rank of the click that ends the search session, -1 where none does."""


class ClickModel(Protocol):
    """The verbs of all click models. Everything is vectorised over lists; an empty batch gives empty arrays.

    A class above the model's table is read as the table's last, so a grade above the highest known one counts as
    the highest.
    """

    @property
    def name(self) -> str:
        """The usual abbreviation: PBM, CM, DCM, DBN, SDBN or UBM."""

    def sample(self, items: Items, rng: np.random.Generator) -> Clicks:
        """Draw clicks for each list."""

    def sample_with(self, items: Items, draws: Probs) -> Clicks:
        """As `sample`, from given uniform numbers (B, k, 2) in [0, 1): what a list gets does not depend on its
        batch."""

    def first_click_prob(self, items: Items) -> Probs:
        """(B, k) probability that the first click falls on each rank; 1 - the row sum is the chance of no click."""

    def click_prob(self, items: Items) -> Probs:
        """(B, k) marginal probability of a click on each rank."""

    def conditional_click_prob(self, items: Items, clicked: Mask) -> Probs:
        """(B, k) probability of a click on each rank, given what was and was not clicked above it."""


def class_values(table: tuple[float, ...], items: Items) -> Probs:
    """(B, k) table value of each item class; 0 for `NO_DOCUMENT`, the last value for classes above the table."""
    padded = np.asarray((*table, 0.0), dtype=np.float64)
    return np.asarray(padded[np.minimum(items, len(table) - 1)])  # class -1 reads the appended 0


def first_of_independent(click_prob: Probs) -> Probs:
    """(B, k) probability that rank r is the first success of independent trials: p_r prod_{j<r} (1 - p_j).

    [[.5, .5]] -> [[.5, .25]]
    """
    none_above = np.ones_like(click_prob)
    none_above[:, 1:] = np.cumprod(1.0 - click_prob, axis=1)[:, :-1]
    return click_prob * none_above


def rank_of_first(mask: Mask) -> NDArray[np.int64]:
    """(B,) 1-based rank of the first True of each row, -1 for rows without one."""
    if mask.shape[1] == 0:
        return np.full(len(mask), -1, dtype=np.int64)
    return np.where(mask.any(axis=1), mask.argmax(axis=1) + 1, -1).astype(np.int64)
