"""The interface of click models, and functions that several models share. Each model has a file of its own.

A click model works on a batch of result lists, given as item classes `items` (B, k). For simulated users, the class
is the relevance grade of the document at each rank; for a model fitted to a log, it is the number of the pair of
query and document. `NO_DOCUMENT` fills the end of lists with fewer than k documents. It is never clicked, and nothing
above it depends on it.

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
"""Item class of ranks below the end of a result list."""
DRAWS_PER_RANK = 2
"""Uniform numbers that a model needs for each rank: the first decides the click, the second what follows it."""

PRIOR_CLICKS, PRIOR_VIEWS = 1.0, 2.0
"""Added by fits to the clicks and views of every ratio clicks / views (Laplace's rule of succession): an item without
views gets .5, and no estimate is exactly 0 or 1."""


class Clicks(NamedTuple):
    """Drawn clicks on each list of a batch."""

    clicked: Mask
    """(B, k) True at the clicked ranks."""
    satisfied: NDArray[np.int64]
    """(B,) 1-based rank of the click that satisfies the user and ends the search session; -1 for lists without such
    a click."""


class ClickModel(Protocol):
    """The methods of all click models. They work on all lists of a batch at once; an empty batch gives empty arrays.

    Item classes above a model's parameter table take the last entry of the table, so a grade above the highest known
    grade counts as the highest.
    """

    @property
    def name(self) -> str:
        """The usual abbreviation: PBM, CM, DCM, DBN, SDBN or UBM."""

    def sample(self, items: Items, rng: np.random.Generator) -> Clicks:
        """Draw clicks for each list."""

    def sample_with(self, items: Items, draws: Probs) -> Clicks:
        """As `sample`, from uniform numbers (B, k, 2) in [0, 1) of the caller. The clicks on a list do not depend on
        the other lists of its batch."""

    def first_click_prob(self, items: Items) -> Probs:
        """(B, k) probability that the first click falls on each rank; 1 minus the sum of a row is the probability of
        no click."""

    def click_prob(self, items: Items) -> Probs:
        """(B, k) marginal probability of a click on each rank."""

    def conditional_click_prob(self, items: Items, clicked: Mask) -> Probs:
        """(B, k) probability of a click on each rank, given the clicks and skips above it."""


def class_values(table: tuple[float, ...], items: Items) -> Probs:
    """(B, k) table value of each item class; 0 for `NO_DOCUMENT`, the last value for classes above the table."""
    padded = np.asarray((*table, 0.0), dtype=np.float64)  # (n_classes + 1,); index -1 is NO_DOCUMENT
    return np.asarray(padded[np.minimum(items, len(table) - 1)])


def first_of_independent(click_prob: Probs) -> Probs:
    """(B, k) probability that rank r is the first success of independent trials: p_r prod_{j<r} (1 - p_j).

    [[.5, .5]] -> [[.5, .25]]
    """
    none_above = np.ones_like(click_prob)  # (B, k) probability of no success above the rank
    none_above[:, 1:] = np.cumprod(1.0 - click_prob, axis=1)[:, :-1]
    return click_prob * none_above


def rank_of_first(mask: Mask) -> NDArray[np.int64]:
    """(B,) 1-based rank of the first True of each row; -1 for rows without a True."""
    if mask.shape[1] == 0:  # argmax refuses an empty axis
        return np.full(len(mask), -1, dtype=np.int64)
    return np.where(mask.any(axis=1), mask.argmax(axis=1) + 1, -1).astype(np.int64)
