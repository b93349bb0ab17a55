"""The click model of a simulated user, made by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from untilclick.search.click_models.base import ClickModel
from untilclick.search.click_models.behaviour import (
    BEHAVIOURS,
    FIVE_GRADES,
    THREE_GRADES,
    Behaviour,
    GradeProbs,
    read_behaviour,
)
from untilclick.search.click_models.cm import CascadeModel
from untilclick.search.click_models.dbn import DynamicBayesianNetwork
from untilclick.search.click_models.dcm import DependentClickModel
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.click_models.sdbn import SimplifiedDynamicBayesianNetwork
from untilclick.search.click_models.ubm import UserBrowsingModel
from untilclick.search.errors import UntilclickError

DEPTH = 100
"""Number of ranks in the position-dependent tables of simulated users."""


def _pbm(probs: GradeProbs) -> ClickModel:
    """Examination 1 / rank: Joachims, Swaminathan & Schnabel, WSDM 2017, section 7 (their eta = 1)."""
    return PositionBasedModel(probs.click, tuple(1.0 / rank for rank in range(1, DEPTH + 1)))


def _ubm(probs: GradeProbs) -> ClickModel:
    """Examination 1 / (ranks since the last click): it falls with the distance, as Dupret & Piwowarski find, and
    equals that of the position-based model above as long as nothing is clicked."""
    rows = (tuple(1.0 / (rank - last) for last in range(rank)) for rank in range(1, DEPTH + 1))
    return UserBrowsingModel(probs.click, tuple(rows))


_MAKERS: dict[str, Callable[[GradeProbs], ClickModel]] = {
    "pbm": _pbm,
    "cm": lambda probs: CascadeModel(probs.click),
    "dcm": lambda probs: DependentClickModel(probs.click, probs.stop),
    "dbn": lambda probs: DynamicBayesianNetwork(probs.click, probs.stop, probs.go_on),
    "sdbn": lambda probs: SimplifiedDynamicBayesianNetwork(probs.click, probs.stop),
    "ubm": _ubm,
}
CLICK_MODELS: tuple[str, ...] = tuple(_MAKERS)
"""Names of the click models, in lower case."""


def click_model(name: str, behaviour: Behaviour = "navigational", max_grade: int = 1) -> ClickModel:
    """The click model of a simulated user for documents of grades 0..max_grade; the name may be in any case.

    Documents of a higher grade are clicked like those of `max_grade`. Raises UntilclickError, with the choices, for
    an unknown name or behaviour, and for a negative `max_grade`.
    """
    maker = _MAKERS[known_name(name)]
    if max_grade < 0:
        raise UntilclickError(f"The highest grade is {max_grade}; grades start at 0, so give 0 or more")
    return maker(grade_probs(behaviour, max_grade))


def known_name(name: str) -> str:
    """The name in lower case. Raises UntilclickError, with the choices, if it is not one of `CLICK_MODELS`."""
    if name.lower() not in CLICK_MODELS:
        raise UntilclickError(f"Unknown click model {name!r}. Choose one of: {', '.join(CLICK_MODELS)}")
    return name.lower()


def grade_probs(behaviour: str, max_grade: int) -> GradeProbs:
    """The published row for 2, 3 and 5 grades, or the one that the behaviour's text gives. For any other number of
    grades, the row of three grades, or that of the text, is interpolated linearly over grade / max_grade; for two
    grades this gives the published row."""
    named = behaviour in BEHAVIOURS
    if named and max_grade == 4:
        return FIVE_GRADES[behaviour]
    row = THREE_GRADES[behaviour] if named else read_behaviour(behaviour)
    positions = np.arange(max_grade + 1) / max(max_grade, 1)  # (grades,), 0..1
    places = np.linspace(0.0, 1.0, len(row.click))
    # Rounding removes the noise of the interpolation: .65, not .6499999999999999.
    click, stop = (np.interp(positions, places, values).round(12).tolist() for values in (row.click, row.stop))
    return GradeProbs(tuple(click), tuple(stop), row.go_on)
