"""Click and stop probabilities of the three simulated users of papers on online learning to rank, by grade.

A `perfect` user clicks on relevant documents only, a `navigational` user leaves after one good document, and an
`informational` user clicks more often and leaves later. The numbers are those of Hofmann, Whiteson & de Rijke,
"Balancing exploration and exploitation in listwise and pairwise online learning to rank for information retrieval",
Information Retrieval 16 (2013), and for five grades of Schuth, Oosterhuis, Whiteson & de Rijke, "Multileave Gradient
Descent for Fast Online Learning to Rank", WSDM 2016.

Users of a site have other numbers, which `untilclick.search.users.realism.fitting` estimates from its log. They are
written as a text, such as `click 0.2 0.95, stop 0.15 0.9, go on 0.9`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, NamedTuple

from untilclick.search.errors import UntilclickError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class GradeProbs(NamedTuple):
    """Probabilities of one kind of user for each grade 0..max_grade."""

    click: tuple[float, ...]
    """Probability of a click on a document that the user looks at."""
    stop: tuple[float, ...]
    """Probability that a click satisfies the user, who then leaves."""
    go_on: float = 0.9
    """Probability that an unsatisfied user looks at the next rank, which the DBN alone reads; .9 is the value of
    Chapelle & Zhang, WWW 2009."""


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
"""The names of the published behaviours."""

_NUMBERS = r"((?: +[01]?\.?\d+){2,})"
_TEXT = re.compile(rf" *click{_NUMBERS} *, *stop{_NUMBERS} *(?:, *go on +([01]?\.?\d+) *)?")


def behaviour_text(probs: GradeProbs) -> str:
    """The text that `read_behaviour` reads, with three decimals."""
    click, stop = (" ".join(f"{value:.3f}" for value in values) for values in (probs.click, probs.stop))
    return f"click {click}, stop {stop}, go on {probs.go_on:.3f}"


def read_behaviour(text: str) -> GradeProbs:
    """The probabilities of a text `click C C, stop S S, go on G`, where `go on` may be missing; two or more for click
    and for stop, from grade 0 to the highest grade. Raises UntilclickError for any other text and a number over 1."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise UntilclickError(f"Unknown click behaviour {text!r}. {_CHOICES}")
    click, stop = (tuple(map(float, numbers.split())) for numbers in match.groups()[:2])
    probs = GradeProbs(click, stop) if match[3] is None else GradeProbs(click, stop, float(match[3]))
    if len(click) != len(stop) or max(*click, *stop, probs.go_on) > 1.0:
        raise UntilclickError(f"The click behaviour {text!r} needs as many numbers for stop as for click, up to 1")
    return probs


def _known(behaviour: str) -> str:
    """The behaviour. Raises ValueError for a text that is none."""
    if behaviour not in BEHAVIOURS:
        try:
            read_behaviour(behaviour)
        except UntilclickError:
            names = ", ".join(f"'{name}'" for name in BEHAVIOURS)
            raise ValueError(f"Input should be {names}, or {_EXAMPLE}") from None
    return behaviour


_EXAMPLE = "a text such as: click 0.2 0.95, stop 0.15 0.9, go on 0.9"
_CHOICES = f"Choose one of: {', '.join(BEHAVIOURS)}; or give {_EXAMPLE}"


class _Checked:
    """Lets pydantic check a behaviour; who reads configurations alone does not load pydantic."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema  # noqa: PLC0415

        return core_schema.no_info_after_validator_function(_known, handler(source))


Behaviour = Annotated[str, _Checked()]
"""One of `BEHAVIOURS`, or the text of a site's own probabilities, see `read_behaviour`."""
