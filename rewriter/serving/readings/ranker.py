"""From searched queries to rankings. Every part of the program that ranks rewrites calls `rank`, so that the
verdicts, the shadow and the evaluations judge what the service shows.

Documents are found and scored in this module alone, by the words of a query. `rank` receives the rewrite with the
words: whatever else a rewrite tells about documents has to count here to count everywhere. The fusion and the
interleaving of rankings are their callers' affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.exact_titles import exact_titles_first
from untilclick.search.records import ScoredDoc


class Ranking(NamedTuple):
    """The documents that are ranked for one query."""

    retrieved: list[ScoredDoc]
    """The documents by their scores, best first."""
    shown: list[ScoredDoc]
    """The list that a visitor sees: the same after the documents whose title is the query as typed."""


def rank(
    engine: SearchEngine,
    queries: Sequence[SearchedQuery],
    k: int,
    *,
    titled: Sequence[Sequence[str]] = (),
    clauses: int | None = None,
) -> list[Ranking]:
    """One ranking of at most k documents per query.

    `titled` has for each query the ids of the documents whose title is the query as typed, see `exact_titles_first`;
    without it, no document comes first for its title. Only the heaviest `clauses` clauses of a query are searched;
    None searches all. Raises EngineError if the engine fails, and ValueError if `titled` is not of the queries.
    """
    retrieved = _retrieved(engine, queries, k, clauses)
    first = titled or [()] * len(queries)
    return [
        Ranking(ranking, exact_titles_first(ranking, doc_ids, k))
        for ranking, doc_ids in zip(retrieved, first, strict=True)
    ]


def _retrieved(
    engine: SearchEngine, queries: Sequence[SearchedQuery], k: int, clauses: int | None
) -> list[list[ScoredDoc]]:
    """The documents that the engine retrieves by the words of each query."""
    words = [each.query if clauses is None else each.query.heaviest(clauses) for each in queries]
    return engine.search(words, k)
