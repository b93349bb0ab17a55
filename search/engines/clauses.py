"""Weighted clauses to weighted index terms, in the same way for every engine. No engine parses a query syntax."""

from __future__ import annotations

from math import isfinite
from typing import NamedTuple

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import WeightedQuery

Token = tuple[str, float]
"""An index term and its weight."""

MAX_QUERY_TERMS = 1024
"""Maximum number of terms of a query in a field, as in Lucene by default. Later terms are ignored, so that a pasted
megabyte of text does not block a server."""

MAX_CLAUSE_CHARACTERS = 65_536
"""Maximum length of a clause. The rest of a longer clause is ignored before it is analysed, for the same reason."""

JOINED_WEIGHT = 0.25
"""Weight of a joined form beside the words that it joins. With their weight, a word with a hyphen would count three
times."""


class FieldTokens(NamedTuple):
    """(index term, weight) of every token of a query in each field, in order, with repetitions."""

    body: list[Token]
    aside: list[Token]


class FieldWeights(NamedTuple):
    """Index term -> sum of the weights of its occurrences in each field, in order of first occurrence."""

    body: dict[str, float]
    aside: dict[str, float]

    def __bool__(self) -> bool:
        """Whether the query has a term."""
        return bool(self.body or self.aside)


def query_tokens(query: WeightedQuery, analysis: Analysis) -> FieldTokens:
    """The tokens of every clause.

    A clause of weight 0 gives no token. Stop words are searched if the query consists of nothing else. Raises
    ValueError for a weight that is negative or not finite, which is a mistake of the caller: engines skip documents
    by upper bounds of BM25 scores, which need weights >= 0.
    """
    body: list[Token] = []
    aside: list[Token] = []
    stop_words: list[Token] = []
    for text, weight in query.clauses:
        if not (isfinite(weight) and weight >= 0):
            raise ValueError(f"clause weight {weight!r}: expected a finite number >= 0")
        if weight == 0:
            continue
        terms = analysis.query(text[:MAX_CLAUSE_CHARACTERS])
        body += [(term, weight) for term in terms.body]
        if terms.joined or terms.aside or terms.stop_words:
            body += [(term, JOINED_WEIGHT * weight) for term in terms.joined]
            aside += [(term, weight) for term in terms.aside]
            stop_words += [(term, weight) for term in terms.stop_words]
    if not body and not aside:
        aside = stop_words
    return FieldTokens(body[:MAX_QUERY_TERMS], aside[:MAX_QUERY_TERMS])


def term_weights(query: WeightedQuery, analysis: Analysis) -> FieldWeights:
    """The distinct terms of a query with their weights. Raises ValueError as `query_tokens` does."""
    tokens = query_tokens(query, analysis)
    return FieldWeights(_summed(tokens.body), _summed(tokens.aside))


def _summed(tokens: list[Token]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for term, weight in tokens:
        weights[term] = weights.get(term, 0.0) + weight
    return weights
