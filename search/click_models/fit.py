"""Maximum-likelihood parameters of each click model from a log of result lists and clicks.

The cascade model is counted; the others are fitted by expectation maximisation (Chuklin, Markov & de Rijke, "Click
Models for Web Search", 2015, chapter 4), with the exact posterior also for DCM and SDBN, whose usual counting
estimates take the last click for the end of reading and so are biased. The steps are in `fit_cascade.py` and
`fit_browsing.py`; nothing here reads a session log.

Item classes are numbers of query-document pairs, made by the caller; the fitted model answers for the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from untilclick.search.click_models.base import PRIOR_CLICKS, PRIOR_VIEWS, ClickModel, Items, Mask
from untilclick.search.click_models.cm import CascadeModel
from untilclick.search.click_models.dbn import DynamicBayesianNetwork
from untilclick.search.click_models.dcm import DependentClickModel
from untilclick.search.click_models.fit_browsing import count_cells, fit_browsing
from untilclick.search.click_models.fit_cascade import Evidence, fit_cascade
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.click_models.sdbn import SimplifiedDynamicBayesianNetwork
from untilclick.search.click_models.ubm import UserBrowsingModel, last_click_above
from untilclick.search.errors import UntilclickError


@dataclass(frozen=True, slots=True)
class ClickLog:
    """Result lists and what was clicked on them."""

    items: Items
    """(N, k) item classes, `NO_DOCUMENT` behind the end of a list."""
    clicked: Mask
    """(N, k)."""

    def __post_init__(self) -> None:
        if self.items.shape != self.clicked.shape or self.items.ndim != 2:
            raise ValueError(f"items {self.items.shape} and clicked {self.clicked.shape} must be one (N, k) shape")

    @property
    def n_items(self) -> int:
        """One more than the highest class; 0 without any."""
        return int(self.items.max(initial=-1)) + 1


def fit(name: str, log: ClickLog, *, max_iterations: int = 200, tolerance: float = 1e-5) -> ClickModel:
    """The click model of that name (any case) with the parameters under which the log is most likely.

    Stops when no parameter moves by more than `tolerance` or after `max_iterations`. Where only products are
    identified (PBM, UBM) the first rank counts as always examined. Without lists every probability is .5.

    Raises UntilclickError with the choices for an unknown name.
    """
    if name.lower() not in _FITS:
        raise UntilclickError(f"No fit for click model {name!r}. Choose one of: {', '.join(_FITS)}")
    return _FITS[name.lower()](log, max_iterations, tolerance)


def fit_cm(log: ClickLog, max_iterations: int, tolerance: float) -> CascadeModel:  # noqa: ARG001
    """Clicks over views down to the first click; what the log holds below it, the model cannot explain."""
    clicks_so_far = np.cumsum(log.clicked, axis=1)
    viewed = (clicks_so_far - log.clicked == 0) & (log.items >= 0)
    clicks = np.bincount(log.items[viewed & log.clicked], minlength=log.n_items)
    views = np.bincount(log.items[viewed], minlength=log.n_items)
    return CascadeModel(tuple(((clicks + PRIOR_CLICKS) / (views + PRIOR_VIEWS)).tolist()))


def fit_dcm(log: ClickLog, max_iterations: int, tolerance: float) -> DependentClickModel:
    """Attractiveness by item, continuation by rank; stop is 0 for every item."""
    ranks = np.broadcast_to(np.arange(log.items.shape[1]), log.items.shape)
    evidence = Evidence(log.items, log.clicked, ranks, log.n_items, log.items.shape[1])
    attractiveness, satisfaction, _ = fit_cascade(evidence, max_iterations, tolerance, going_on=1.0)
    continuation = tuple((1.0 - satisfaction).tolist()) or (1.0,)
    return DependentClickModel(tuple(attractiveness.tolist()), (0.0,) * log.n_items, continuation)


def fit_sdbn(log: ClickLog, max_iterations: int, tolerance: float) -> SimplifiedDynamicBayesianNetwork:
    """Attractiveness and satisfaction by item."""
    attractiveness, satisfaction, _ = fit_cascade(_by_item(log), max_iterations, tolerance, going_on=1.0)
    return SimplifiedDynamicBayesianNetwork(tuple(attractiveness.tolist()), tuple(satisfaction.tolist()))


def fit_dbn(log: ClickLog, max_iterations: int, tolerance: float) -> DynamicBayesianNetwork:
    """Attractiveness and satisfaction by item, and one continuation."""
    attractiveness, satisfaction, going_on = fit_cascade(_by_item(log), max_iterations, tolerance, going_on=None)
    return DynamicBayesianNetwork(tuple(attractiveness.tolist()), tuple(satisfaction.tolist()), going_on)


def fit_pbm(log: ClickLog, max_iterations: int, tolerance: float) -> PositionBasedModel:
    """Attractiveness by item, examination by rank."""
    k = log.items.shape[1]
    context = np.broadcast_to(np.arange(k), log.items.shape)
    cells = count_cells(log.items, log.clicked, context)
    attractiveness, examination = fit_browsing(cells, log.n_items, k, max_iterations, tolerance)
    return PositionBasedModel(tuple(attractiveness.tolist()), tuple(examination.tolist()))


def fit_ubm(log: ClickLog, max_iterations: int, tolerance: float) -> UserBrowsingModel:
    """Attractiveness by item, examination by rank and rank of the last click."""
    k = log.items.shape[1]
    context = np.arange(k) * k + last_click_above(log.clicked)
    cells = count_cells(log.items, log.clicked, context)
    attractiveness, examination = fit_browsing(cells, log.n_items, k * k, max_iterations, tolerance)
    rows = examination.reshape(k, k)
    return UserBrowsingModel(
        tuple(attractiveness.tolist()), tuple(tuple(rows[r, : r + 1].tolist()) for r in range(k))
    )


def _by_item(log: ClickLog) -> Evidence:
    return Evidence(log.items, log.clicked, log.items, log.n_items, log.n_items)


_FITS: dict[str, Callable[[ClickLog, int, float], ClickModel]] = {
    "pbm": fit_pbm,
    "cm": fit_cm,
    "dcm": fit_dcm,
    "dbn": fit_dbn,
    "sdbn": fit_sdbn,
    "ubm": fit_ubm,
}
