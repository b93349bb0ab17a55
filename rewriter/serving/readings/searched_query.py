"""What is searched for a typed query: weighted words, the rewrite they are taken from, and scores of documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from untilclick.rewriter.rewrite import Rewrite
from untilclick.rewriter.serving.readings.document_scores import DocumentReading
from untilclick.search.records import WeightedQuery

Form = Literal["blend", "replace"]
"""Which weighted query of a rewrite is searched: the one with the query as typed, or the one without it."""


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
    def of(cls, rewrite: Rewrite, form: Form = "blend") -> SearchedQuery:
        """What is searched for a rewrite; the query as typed if the rewrite is not applied."""
        return cls(rewrite.blend if form == "blend" else rewrite.replace, rewrite)
