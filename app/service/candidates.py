"""Several wordings of one rewrite, for clients that let people choose."""

from __future__ import annotations

from dataclasses import dataclass

from untilclick.rewriter.rewrite import Rewrite
from untilclick.rewriter.serving.blend import READABLE_TERMS, readable
from untilclick.search.analysis.analysis import Analysis


@dataclass(frozen=True, slots=True)
class Candidate:
    """One wording of the query."""

    text: str
    terms: tuple[tuple[str, float], ...]
    """The added words with their weights in the rewrite, heaviest first."""
    score: float
    """The rewriter's confidence times the sum of these weights, 0..1."""


def candidates(rewrite: Rewrite, n: int, analysis: Analysis) -> tuple[Candidate, ...]:
    """Up to `n` candidates, best first; none for a query that was kept as typed.

    The first is the whole rewrite; each further one has fewer of its heaviest words, down to one word. A text appears
    only once.
    """
    if not rewrite.applied or n < 1:
        return ()
    choices = [Candidate(rewrite.text, rewrite.terms, rewrite.confidence)]
    for size in range(min(READABLE_TERMS, len(rewrite.terms)), 0, -1):
        terms = rewrite.terms[:size]
        text = readable(rewrite.correction or rewrite.query, terms, analysis)
        if all(text != other.text for other in choices):
            choices.append(Candidate(text, terms, rewrite.confidence * sum(weight for _, weight in terms)))
    return tuple(choices[:n])
