"""The interface of all engines, without a library. Each engine is implemented in a module of its own."""

from __future__ import annotations

from collections.abc import Collection as AbstractCollection
from collections.abc import Sequence
from typing import Protocol

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Document, Feedback, ScoredDoc, WeightedQuery


class TitleLookup(Protocol):
    """Finds documents by their whole title."""

    def with_title(self, title: str) -> Sequence[str]:
        """Ids of the documents whose title this is, compared by `text/titles.py`, in corpus order.

        Empty for a blank title, and for one that too many documents share to name one of them.
        """


class SearchEngine(TitleLookup, Protocol):
    """BM25 over one corpus. `analysis` makes the terms of every clause; unknown terms match nothing."""

    @property
    def analysis(self) -> Analysis:
        """The analysis of documents and queries."""

    @property
    def name(self) -> str:
        """`tantivy`, `rank-bm25` or `opensearch`."""

    def search(self, queries: Sequence[WeightedQuery], k: int) -> list[list[ScoredDoc]]:
        """One ranking per query: at most k documents with a positive score, best first.

        Documents with equal scores are in corpus order. A query without a known term has an empty ranking.
        """

    def scores(self, queries: Sequence[WeightedQuery], doc_ids: Sequence[Sequence[str]]) -> list[list[float]]:
        """The scores of given documents: for each query those of its own `doc_ids`, in their order.

        They are the scores of a `search` for every document; 0.0 for a document without a term of the query. Raises
        UnknownDocumentError for an id that the index does not hold, and ValueError unless each query has its ids.
        """

    def rank_of(self, query: WeightedQuery, doc_ids: AbstractCollection[str]) -> dict[str, int | None]:
        """The 1-based rank of each document in the full ranking; None if its score is 0.

        Raises UnknownDocumentError for an id that the index does not hold.
        """

    def feedback_terms(self, query: WeightedQuery, n: int) -> list[tuple[str, float]]:
        """The n heaviest terms of the relevance model of the first ten documents, heaviest first.

        Their weights sum to 1. The model is RM1 of Lavrenko & Croft (2001), the feedback part of RM3 (Abdul-Jaleel et
        al. 2004). The terms are surface words with that index term, so they can be clauses of a query. A query
        without results gives an empty list.
        """

    def feedback(self, query: WeightedQuery, n: int) -> Feedback:
        """The terms of `feedback_terms`, and scores and ids of the documents they come from, by one search."""

    def documents(self, doc_ids: Sequence[str]) -> list[Document]:
        """The stored documents, in the order of the ids. Raises UnknownDocumentError for an unknown id."""
