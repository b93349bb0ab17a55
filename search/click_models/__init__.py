"""Click models: what a user clicks on a list of results. One model per file; `click_model` makes one by name."""

from __future__ import annotations

from collections.abc import Callable

from untilclick.search.click_models.base import NO_DOCUMENT, ClickModel, Clicks
from untilclick.search.click_models.behaviour import BEHAVIOURS, Behaviour, GradeProbs, grade_probs
from untilclick.search.click_models.cm import CascadeModel
from untilclick.search.click_models.dbn import DynamicBayesianNetwork
from untilclick.search.click_models.dcm import DependentClickModel
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.click_models.sdbn import SimplifiedDynamicBayesianNetwork
from untilclick.search.click_models.ubm import UserBrowsingModel
from untilclick.search.errors import UntilclickError

__all__ = [
    "BEHAVIOURS",
    "CLICK_MODELS",
    "NO_DOCUMENT",
    "Behaviour",
    "CascadeModel",
    "ClickModel",
    "Clicks",
    "DependentClickModel",
    "DynamicBayesianNetwork",
    "GradeProbs",
    "PositionBasedModel",
    "SimplifiedDynamicBayesianNetwork",
    "UserBrowsingModel",
    "click_model",
]

DEPTH = 100
"""Ranks covered by the position-dependent tables of simulated users."""


def _pbm(probs: GradeProbs) -> ClickModel:
    """Examination 1 / rank: Joachims, Swaminathan & Schnabel, WSDM 2017, section 7 (their eta = 1)."""
    return PositionBasedModel(probs.click, tuple(1.0 / rank for rank in range(1, DEPTH + 1)))


def _ubm(probs: GradeProbs) -> ClickModel:
    """Examination 1 / (ranks since the last click): the fall with distance that Dupret & Piwowarski find, in the
    form that equals the position-based model above as long as nothing was clicked."""
    rows = (tuple(1.0 / (rank - last) for last in range(rank)) for rank in range(1, DEPTH + 1))
    return UserBrowsingModel(probs.click, tuple(rows))


_MAKERS: dict[str, Callable[[GradeProbs], ClickModel]] = {
    "pbm": _pbm,
    "cm": lambda probs: CascadeModel(probs.click),
    "dcm": lambda probs: DependentClickModel(probs.click, probs.stop),
    "dbn": lambda probs: DynamicBayesianNetwork(probs.click, probs.stop),
    "sdbn": lambda probs: SimplifiedDynamicBayesianNetwork(probs.click, probs.stop),
    "ubm": _ubm,
}
CLICK_MODELS: tuple[str, ...] = tuple(_MAKERS)
"""The names that `click_model` knows, in lower case."""


def click_model(name: str, behaviour: Behaviour | str = "navigational", max_grade: int = 1) -> ClickModel:
    """The click model of a simulated user for grades 0..max_grade; names in any case.

    Higher grades count as `max_grade`. Raises UntilclickError with the choices for an unknown name or behaviour and
    for a negative `max_grade`.
    """
    if name.lower() not in _MAKERS:
        raise UntilclickError(f"Unknown click model {name!r}. Choose one of: {', '.join(CLICK_MODELS)}")
    if behaviour not in BEHAVIOURS:
        raise UntilclickError(f"Unknown click behaviour {behaviour!r}. Choose one of: {', '.join(BEHAVIOURS)}")
    if max_grade < 0:
        raise UntilclickError(f"The highest grade is {max_grade}; grades start at 0, so give 0 or more")
    return _MAKERS[name.lower()](grade_probs(behaviour, max_grade))
