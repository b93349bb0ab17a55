"""Weighted clauses to weighted index terms, in the same way for every engine. No engine parses a query syntax."""

from __future__ import annotations

from math import isfinite

from untilclick.search.records import WeightedQuery
from untilclick.search.text.analysis import terms_of

MAX_QUERY_TERMS = 1024
"""Maximum number of terms of a query, as in Lucene by default. Later terms are ignored, so that a pasted megabyte of
text does not block a server."""

MAX_CLAUSE_CHARACTERS = 65_536
"""Maximum length of a clause. The rest of a longer clause is ignored before it is analysed, for the same reason."""


def query_tokens(query: WeightedQuery) -> list[tuple[str, float]]:
    """(index term, weight) of every token of every clause, in order, with repetitions.

    A clause of weight 0 gives no token. Raises ValueError for a weight that is negative or not finite, which is a
    mistake of the caller: engines skip documents by upper bounds of BM25 scores, which need weights >= 0.
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
