"""What is searched for a typed query: weighted words, the rewrite they are taken from, and scores of documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.readings import Readings, UsedReadings
from untilclick.rewriter.rewrite import DocumentsRead, Rewrite, WeightedPrior
from untilclick.search.engines.vectors.document_scores import DocumentReading
from untilclick.search.records import WeightedQuery

Form = Literal["blend", "replace"]
"""Which weighted query of a rewrite is searched: the one with the query as typed, or the one without it."""


class Shares(NamedTuple):
    """The weights of what a ranking is summed from, each part divided by its maximum; those of the query sum to 1."""

    typed: float
    """Of the query as typed."""
    words: float
    """Of the other words."""
    documents: float
    """Of the likeness of documents."""
    prior: float = 0.0
    """Of the prominence of documents, which does not depend on the query."""


@dataclass(frozen=True, slots=True)
class SearchedQuery:
    """The query that is searched for a typed query."""

    query: WeightedQuery
    rewrite: Rewrite | None = None
    """The rewrite that led to the query; None for a query as typed, and for the queries of baselines."""
    documents: DocumentReading | None = None
    """The reading as documents, which is summed with the words; None ranks by the words alone."""

    used: UsedReadings = UsedReadings.NONE
    """How the rewrite reads the query; none without a rewrite that is applied."""
    shares: Shares | None = None
    """The weights of a reading as documents; None without it."""
    prior: WeightedPrior | None = None
    """The prominence of documents, which is summed with a reading as documents; None if it counts for nothing."""

    @classmethod
    def typed(cls, query: str) -> SearchedQuery:
        """A query as typed."""
        return cls(WeightedQuery.of(query))

    @classmethod
    def of(cls, rewrite: Rewrite, form: Form = "blend", readings: Readings = Readings.AUTO) -> SearchedQuery:
        """What is searched for a rewrite; the query as typed if the rewrite is not applied. A rewrite without a
        reading as documents is searched by its words."""
        documents = rewrite.documents
        if not rewrite.applied:
            return cls(WeightedQuery.of(rewrite.query), rewrite)
        if documents is None or readings is Readings.WORDS:
            words = rewrite.blend if form == "blend" else rewrite.replace
            return cls(words, rewrite, used=UsedReadings.WORDS)
        if readings is Readings.DOCUMENTS:
            return cls._as_documents(rewrite, documents, form)
        both, prior = UsedReadings.BOTH, documents.prior
        of_prior = 0.0 if prior is None else prior.weight
        if form == "replace":
            share = min(documents.weight / max(1.0 - documents.typed, TINY), 1.0)
            reading = DocumentReading(documents.scores, share)
            return cls(rewrite.replace, rewrite, reading, both, Shares(0.0, 1.0 - share, share, of_prior), prior)
        reading = DocumentReading(documents.scores, documents.weight, words_are_scaled=True)
        others = max(1.0 - documents.typed - documents.weight, 0.0)
        shares = Shares(documents.typed, others, documents.weight, of_prior)
        return cls(documents.words, rewrite, reading, both, shares, prior)

    @classmethod
    def _as_documents(cls, rewrite: Rewrite, documents: DocumentsRead, form: Form) -> SearchedQuery:
        """The reading as documents alone: beside the query as typed, or in its place."""
        share = documents.weight / max(documents.weight + documents.typed, TINY) if form == "blend" else 1.0
        of_prior = 0.0 if documents.prior is None else documents.prior.weight
        return cls(
            WeightedQuery.of(rewrite.correction or rewrite.query),
            rewrite,
            DocumentReading(documents.scores, share),
            UsedReadings.DOCUMENTS,
            Shares(1.0 - share, 0.0, share, of_prior),
            documents.prior,
        )
