"""Ways to say a query that one rewrite offers, for clients that let people choose."""

from __future__ import annotations

from dataclasses import dataclass

from untilclick.rewriter.rewrite import Rewrite
from untilclick.rewriter.serving.blend import READABLE_TERMS, readable


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to say the query."""

    text: str
    terms: tuple[tuple[str, float], ...]
    """The words added, with their weights in the rewrite."""
    score: float
    """The rewriter's confidence times the share of the rewrite's weight that these words hold, 0..1."""


def candidates(rewrite: Rewrite, n: int) -> tuple[Candidate, ...]:
    """Up to `n` candidates, best first: the whole rewrite, then the same with ever fewer of its heaviest words, down
    to one. Candidates that read the same are given once; a kept query has none."""
    if not rewrite.applied or n < 1:
        return ()
    found = [Candidate(rewrite.text, rewrite.terms, rewrite.confidence)]
    for size in range(min(READABLE_TERMS, len(rewrite.terms)), 0, -1):
        kept = rewrite.terms[:size]
        text = readable(rewrite.correction or rewrite.query, kept)
        if all(text != other.text for other in found):
            found.append(Candidate(text, kept, rewrite.confidence * sum(weight for _, weight in kept)))
    return tuple(found[:n])
