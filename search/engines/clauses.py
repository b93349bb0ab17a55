"""Weighted clauses to weighted index terms, the same for every engine. No engine parses query syntax."""

from __future__ import annotations

from math import isfinite

from untilclick.search.records import WeightedQuery
from untilclick.search.text.analysis import terms_of

MAX_QUERY_TERMS = 1024
"""Terms of a query beyond this many, in order of the query, are ignored, as Lucene's default clause limit does: a
pasted megabyte must not hold up a server."""

MAX_CLAUSE_CHARACTERS = 65_536
"""What follows in a longer clause is ignored before analysis, for the same reason."""


def query_tokens(query: WeightedQuery) -> list[tuple[str, float]]:
    """(index term, weight) of every token of every clause, in order, with repetitions.

    Clauses of weight 0 give nothing. Raises ValueError for a weight that is negative or not finite, which is a
    mistake of the caller: BM25's upper bounds, and with them every engine's pruning, need weights >= 0.
    """
    tokens: list[tuple[str, float]] = []
    for text, weight in query.clauses:
        if not (isfinite(weight) and weight >= 0):
            raise ValueError(f"clause weight {weight!r}: expected a finite number >= 0")
        if weight > 0:
            tokens.extend((term, weight) for term in terms_of(text[:MAX_CLAUSE_CHARACTERS]))
    return tokens[:MAX_QUERY_TERMS]


def term_weights(query: WeightedQuery) -> dict[str, float]:
    """Index term -> sum of the weights of its occurrences, in order of first occurrence."""
    weights: dict[str, float] = {}
    for term, weight in query_tokens(query):
        weights[term] = weights.get(term, 0.0) + weight
    return weights
