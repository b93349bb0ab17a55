"""Click and stop probabilities of the three simulated users of papers on online learning to rank, by grade.

A `perfect` user clicks on relevant documents only, a `navigational` user leaves after one good document, and an
`informational` user clicks more often and leaves later. The numbers are those of Hofmann, Whiteson & de Rijke,
"Balancing exploration and exploitation in listwise and pairwise online learning to rank for information retrieval",
Information Retrieval 16 (2013), and for five grades of Schuth, Oosterhuis, Whiteson & de Rijke, "Multileave Gradient
Descent for Fast Online Learning to Rank", WSDM 2016.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Behaviour = Literal["perfect", "navigational", "informational"]


class GradeProbs(NamedTuple):
    """Probabilities of one kind of user for each grade 0..max_grade."""

    click: tuple[float, ...]
    """Probability of a click on a document that the user looks at."""
    stop: tuple[float, ...]
    """Probability that a click satisfies the user, who then leaves."""


THREE_GRADES: dict[str, GradeProbs] = {
    "perfect": GradeProbs((0.0, 0.5, 1.0), (0.0, 0.0, 0.0)),
    "navigational": GradeProbs((0.05, 0.5, 0.95), (0.2, 0.5, 0.9)),
    "informational": GradeProbs((0.4, 0.7, 0.9), (0.1, 0.3, 0.5)),
}
FIVE_GRADES: dict[str, GradeProbs] = {
    "perfect": GradeProbs((0.0, 0.2, 0.4, 0.8, 1.0), (0.0,) * 5),
    "navigational": GradeProbs((0.05, 0.3, 0.5, 0.7, 0.95), (0.2, 0.3, 0.5, 0.7, 0.9)),
    "informational": GradeProbs((0.4, 0.6, 0.7, 0.8, 0.9), (0.1, 0.2, 0.3, 0.4, 0.5)),
}
BEHAVIOURS: tuple[str, ...] = tuple(THREE_GRADES)
