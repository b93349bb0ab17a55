"""Fits of click models: the parameters under which the clicks on a set of result lists are most likely.

The cascade model is fitted by counting, the others by expectation maximisation (Chuklin, Markov & de Rijke, "Click
Models for Web Search", 2015, chapter 4). DCM and SDBN are usually fitted by counting too, under the assumption that
the user stops reading at the last click; that is biased, so the exact posterior is used for them as well. The steps
are in `cascade.py` and `browsing.py`.

An item class is the number of a pair of query and document. The caller numbers the pairs (`session_lists.py` does it
for search sessions), and the fitted model takes the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from untilclick.search.click_models.base import PRIOR_CLICKS, PRIOR_VIEWS, Items, Mask
from untilclick.search.click_models.by_name import known_name
from untilclick.search.click_models.cm import CascadeModel
from untilclick.search.click_models.dbn import DynamicBayesianNetwork
from untilclick.search.click_models.dcm import DependentClickModel
from untilclick.search.click_models.fitting.browsing import count_cells, fit_browsing
from untilclick.search.click_models.fitting.cascade import Evidence, fit_cascade
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.click_models.sdbn import SimplifiedDynamicBayesianNetwork
from untilclick.search.click_models.ubm import UserBrowsingModel, last_click_above

FittedModel = (
    PositionBasedModel
    | CascadeModel
    | DependentClickModel
    | DynamicBayesianNetwork
    | SimplifiedDynamicBayesianNetwork
    | UserBrowsingModel
)


@dataclass(frozen=True, slots=True)
class ClickLog:
    """Result lists and the clicks on them."""

    items: Items
    """(N, k) item classes, `NO_DOCUMENT` below the end of a list."""
    clicked: Mask
    """(N, k) True at the clicked ranks."""

    def __post_init__(self) -> None:
        if self.items.shape != self.clicked.shape or self.items.ndim != 2:
            raise ValueError(f"items {self.items.shape} and clicked {self.clicked.shape} must be one (N, k) shape")

    @property
    def n_items(self) -> int:
        """One more than the highest item class; 0 without documents."""
        return int(self.items.max(initial=-1)) + 1


def fit(name: str, log: ClickLog, *, max_iterations: int = 200, tolerance: float = 1e-5) -> FittedModel:
    """The click model of that name (in any case) with the parameters under which the log is most likely.

    Iteration ends when no parameter changes by more than `tolerance`, at the latest after `max_iterations`. The
    clicks on a log determine only products of attractiveness and examination for PBM and UBM, so the first rank is
    taken to be always examined. Every ratio starts at .5 (`PRIOR_CLICKS`).

    Raises UntilclickError, with the choices, for an unknown name.
    """
    return _FITS[known_name(name)](log, max_iterations, tolerance)


def fit_cm(log: ClickLog, max_iterations: int, tolerance: float) -> CascadeModel:  # noqa: ARG001
    """Attractiveness by item: clicks per view, down to the first click of each list. The model cannot explain what
    is below it."""
    clicks_so_far = np.cumsum(log.clicked, axis=1)  # (N, k)
    viewed = (clicks_so_far - log.clicked == 0) & (log.items >= 0)  # (N, k) no click above
    clicks = np.bincount(log.items[viewed & log.clicked], minlength=log.n_items)
    views = np.bincount(log.items[viewed], minlength=log.n_items)
    return CascadeModel(tuple(((clicks + PRIOR_CLICKS) / (views + PRIOR_VIEWS)).tolist()))


def fit_dcm(log: ClickLog, max_iterations: int, tolerance: float) -> DependentClickModel:
    """Attractiveness by item, continuation by rank; stop is 0 for every item."""
    ranks = np.broadcast_to(np.arange(log.items.shape[1]), log.items.shape)  # (N, k)
    evidence = Evidence(log.items, log.clicked, ranks, log.n_items, log.items.shape[1])
    estimates = fit_cascade(evidence, max_iterations, tolerance, going_on=1.0)
    continuation = tuple((1.0 - estimates.satisfaction).tolist()) or (1.0,)
    return DependentClickModel(tuple(estimates.attractiveness.tolist()), (0.0,) * log.n_items, continuation)


def fit_sdbn(log: ClickLog, max_iterations: int, tolerance: float) -> SimplifiedDynamicBayesianNetwork:
    """Attractiveness and satisfaction by item."""
    estimates = fit_cascade(_by_item(log), max_iterations, tolerance, going_on=1.0)
    return SimplifiedDynamicBayesianNetwork(
        tuple(estimates.attractiveness.tolist()), tuple(estimates.satisfaction.tolist())
    )


def fit_dbn(log: ClickLog, max_iterations: int, tolerance: float) -> DynamicBayesianNetwork:
    """Attractiveness and satisfaction by item, and one continuation."""
    estimates = fit_cascade(_by_item(log), max_iterations, tolerance, going_on=None)
    return DynamicBayesianNetwork(
        tuple(estimates.attractiveness.tolist()), tuple(estimates.satisfaction.tolist()), estimates.going_on
    )


def fit_pbm(log: ClickLog, max_iterations: int, tolerance: float) -> PositionBasedModel:
    """Attractiveness by item, examination by rank."""
    k = log.items.shape[1]
    contexts = np.broadcast_to(np.arange(k), log.items.shape)  # (N, k) the rank
    cells = count_cells(log.items, log.clicked, contexts)
    estimates = fit_browsing(cells, log.n_items, k, max_iterations, tolerance)
    return PositionBasedModel(tuple(estimates.attractiveness.tolist()), tuple(estimates.examination.tolist()))


def fit_ubm(log: ClickLog, max_iterations: int, tolerance: float) -> UserBrowsingModel:
    """Attractiveness by item, examination by rank and rank of the last click."""
    k = log.items.shape[1]
    contexts = np.arange(k) * k + last_click_above(log.clicked)  # (N, k) rank * k + rank of the last click
    cells = count_cells(log.items, log.clicked, contexts)
    estimates = fit_browsing(cells, log.n_items, k * k, max_iterations, tolerance)
    by_rank = estimates.examination.reshape(k, k)  # (rank, rank of the last click)
    return UserBrowsingModel(
        tuple(estimates.attractiveness.tolist()), tuple(tuple(by_rank[r, : r + 1].tolist()) for r in range(k))
    )


def _by_item(log: ClickLog) -> Evidence:
    """Satisfaction belongs to the item."""
    return Evidence(log.items, log.clicked, log.items, log.n_items, log.n_items)


_FITS: dict[str, Callable[[ClickLog, int, float], FittedModel]] = {
    "pbm": fit_pbm,
    "cm": fit_cm,
    "dcm": fit_dcm,
    "dbn": fit_dbn,
    "sdbn": fit_sdbn,
    "ubm": fit_ubm,
}
