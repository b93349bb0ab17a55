"""What is searched for a typed query: weighted words, the rewrite they are taken from, and scores of documents."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.rewrite import Rewrite
from untilclick.search.engines.vectors.document_scores import DocumentReading
from untilclick.search.records import WeightedQuery

Form = Literal["blend", "replace"]
"""Which weighted query of a rewrite is searched: the one with the query as typed, or the one without it."""


class Readings(StrEnum):
    """How a query is read for a ranking."""

    AUTO = "auto"
    """As the rewriter was set on held-out needs: by both readings, if it has both."""
    WORDS = "words"
    """By the words of the rewrite alone."""
    DOCUMENTS = "documents"
    """By the likeness of documents and the query as typed, without other words."""
    BOTH = "both"
    """By the words of the rewrite and the likeness of documents."""


@dataclass(frozen=True, slots=True)
class SearchedQuery:
    """The query that is searched for a typed query."""

    query: WeightedQuery
    rewrite: Rewrite | None = None
    """The rewrite that led to the query; None for a query as typed, and for the queries of baselines."""
    documents: DocumentReading | None = None
    """The reading as documents, which is summed with the words; None ranks by the words alone."""

    @classmethod
    def typed(cls, query: str) -> SearchedQuery:
        """A query as typed."""
        return cls(WeightedQuery.of(query))

    @classmethod
    def of(cls, rewrite: Rewrite, form: Form = "blend", readings: Readings = Readings.AUTO) -> SearchedQuery:
        """What is searched for a rewrite; the query as typed if the rewrite is not applied. A rewrite without a
        reading as documents is searched by its words."""
        words, documents = rewrite.blend if form == "blend" else rewrite.replace, rewrite.documents
        if documents is None or readings is Readings.WORDS:
            return cls(words, rewrite)
        if readings is Readings.DOCUMENTS:
            share = documents.weight / max(documents.weight + documents.typed, TINY)
            return cls(WeightedQuery.of(rewrite.query), rewrite, DocumentReading(documents.scores, share))
        if form == "replace":
            share = documents.weight / max(1.0 - documents.typed, TINY)
            return cls(words, rewrite, DocumentReading(documents.scores, min(share, 1.0)))
        return cls(
            documents.words, rewrite, DocumentReading(documents.scores, documents.weight, words_are_scaled=True)
        )
