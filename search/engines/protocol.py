"""The one interface of all engines. Nothing here knows a library; the implementations are in `engines.py`."""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Sequence
from typing import Protocol

from untilclick.search.records import Document, Feedback, ScoredDoc, WeightedQuery


class SearchEngine(Protocol):
    """BM25 over one corpus. Every clause text goes through `text/analysis.py`; unknown terms match nothing."""

    @property
    def name(self) -> str:
        """`tantivy`, `rank-bm25` or `opensearch`."""

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """Rank the corpus for each query: at most k documents of positive score, best first; ties by doc_id order
        of the corpus. A query without known terms gives an empty list."""

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """1-based rank of each document in the full ranking, None where its score is 0."""

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """The n heaviest terms of the relevance model of the first ten documents (RM1 of Lavrenko & Croft 2001,
        the feedback half of RM3, Abdul-Jaleel et al. 2004) with weights that sum to 1, heaviest first.

        The terms are surface words that analyse back to their index term, so they can be used as clauses.
        An empty result list gives an empty list.
        """

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """`feedback_terms` with the scores of the documents that they are from, in one search."""

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """The stored documents, in the order asked. Raises EngineError for an unknown id."""


class LiveEngine(SearchEngine, Protocol):
    """An engine whose documents change while it is in use, by several processes."""

    def put(self, document: Document) -> None:
        """Add a document, or replace the one of the same id; searchable when this returns. Raises EngineError."""

    def delete(self, doc_id: str) -> None:
        """Remove a document. Raises UnknownDocumentError, or another EngineError."""

    def refresh(self) -> bool:
        """Take up what other processes changed, and say whether there was anything. Raises EngineError."""
