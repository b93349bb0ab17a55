"""Ways to say a query that one rewrite offers, for clients that let people choose."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.rewrite import Rewrite
from search.analysis import terms


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to say the query."""

    text: str
    terms: tuple[tuple[str, float], ...]
    """The words added, with their weights in the rewrite."""
    score: float
    """The rewriter's confidence times the share of the rewrite's weight that these words hold, 0..1."""


def candidates(rewrite: Rewrite, n: int) -> tuple[Candidate, ...]:
    """Up to `n` candidates, best first: the whole rewrite, then the same with its lightest words left away one by
    one, down to the heaviest alone. Readings that say the same are given once; a kept query has none."""
    if not rewrite.applied or n < 1:
        return ()
    found = [Candidate(rewrite.text, rewrite.terms, rewrite.confidence)]
    for size in range(len(rewrite.terms) - 1, 0, -1):
        kept = rewrite.terms[:size]
        share = sum(weight for _, weight in kept)
        text = _say(rewrite.correction or rewrite.query, kept)
        if all(text != other.text for other in found):
            found.append(Candidate(text, kept, rewrite.confidence * share))
    return tuple(found[:n])


def _say(query: str, added: tuple[tuple[str, float], ...]) -> str:
    """The query with the words it lacks."""
    present = set(terms(query))
    return " ".join([query.strip(), *(word for word, _ in added if not present.intersection(terms(word)))])
