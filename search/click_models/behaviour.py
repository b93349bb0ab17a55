"""How simulated users click on documents of each grade: the three users of online learning-to-rank papers.

`perfect` clicks by relevance alone, `navigational` wants one good document and stops there, `informational` clicks
more and longer. The numbers are those of Hofmann, Whiteson & de Rijke, "Balancing exploration and exploitation in
listwise and pairwise online learning to rank for information retrieval", Information Retrieval 16 (2013), and for
five grades of Schuth, Oosterhuis, Whiteson & de Rijke, "Multileave Gradient Descent for Fast Online Learning to
Rank", WSDM 2016.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

Behaviour = Literal["perfect", "navigational", "informational"]


class GradeProbs(NamedTuple):
    """What a user does with a document of each grade 0..max_grade."""

    click: tuple[float, ...]
    """Probability of a click on an examined document."""
    stop: tuple[float, ...]
    """Probability to be satisfied by, and leave after, a click."""


_THREE_GRADES: dict[str, GradeProbs] = {
    "perfect": GradeProbs((0.0, 0.5, 1.0), (0.0, 0.0, 0.0)),
    "navigational": GradeProbs((0.05, 0.5, 0.95), (0.2, 0.5, 0.9)),
    "informational": GradeProbs((0.4, 0.7, 0.9), (0.1, 0.3, 0.5)),
}
_FIVE_GRADES: dict[str, GradeProbs] = {
    "perfect": GradeProbs((0.0, 0.2, 0.4, 0.8, 1.0), (0.0,) * 5),
    "navigational": GradeProbs((0.05, 0.3, 0.5, 0.7, 0.95), (0.2, 0.3, 0.5, 0.7, 0.9)),
    "informational": GradeProbs((0.4, 0.6, 0.7, 0.8, 0.9), (0.1, 0.2, 0.3, 0.4, 0.5)),
}
BEHAVIOURS: tuple[str, ...] = tuple(_THREE_GRADES)


def grade_probs(behaviour: str, max_grade: int) -> GradeProbs:
    """The published row for 2, 3 and 5 grades; for any other number the three-grade row, interpolated linearly over
    grade / max_grade. (For two grades the interpolation *is* the published row.)

    Raises KeyError for an unknown behaviour.
    """
    if max_grade == 4:
        return _FIVE_GRADES[behaviour]
    row = _THREE_GRADES[behaviour]
    places = np.arange(max_grade + 1) / max(max_grade, 1)
    click, stop = (np.interp(places, (0.0, 0.5, 1.0), values).round(12).tolist() for values in row)
    return GradeProbs(tuple(click), tuple(stop))
