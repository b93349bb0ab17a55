"""Requests to a rewriter, its rewrites, and the interface that rewriters share in training and in service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from untilclick.search.engines.vectors.document_scores import DocumentScores
from untilclick.search.records import Document, WeightedQuery


class Reason(StrEnum):
    """Why a rewrite was or was not applied. Responses, logs and metrics contain the value."""

    APPLIED = "applied"
    MODE_OFF = "mode_off"
    NO_MODEL = "no_model"
    EMPTY_QUERY = "empty_query"
    QUERY_TOO_LONG = "query_too_long"
    EMPTY_REWRITE = "empty_rewrite"
    GATED = "gated"
    """The rewrite's confidence is below the gate's threshold."""
    NO_ENCODER = "no_encoder"
    """The rewriter was made with a sentence encoder, and there is none."""
    NOT_ENCODED = "not_encoded"
    """The documents have no vectors yet, on which the weights of the rewrite depend."""
    OVER_BUDGET = "over_budget"
    ERROR = "error"
    BREAKER_OPEN = "breaker_open"
    """The rewriter failed repeatedly and is not called for a while."""


class Unread(StrEnum):
    """Why a query was not read as documents. Answers contain the value."""

    WORDS_ALONE = "words_alone"
    """The rewriter reads words alone."""
    NOT_ENCODED = "not_encoded"
    """The documents have no vectors yet."""
    NO_TOKEN = "no_token"
    """The sentence encoder finds nothing to read in the query."""


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """The part of a search session that a rewriter reads."""

    query: str
    history: tuple[str, ...] = ()
    """Earlier queries of the session, oldest first."""


class PriorScores(Protocol):
    """How prominent documents are, whatever the query is."""

    def values(
        self, doc_ids: Sequence[str], stored: Callable[[Sequence[str]], Sequence[Document]]
    ) -> NDArray[np.float64]:
        """(n,) the values of given documents, in [0, 1]; 0 for one that is gone. `stored` gives documents by their
        ids."""


class WeightedPrior(NamedTuple):
    """The prominence of documents as a part of a sum."""

    scores: PriorScores
    weight: float
    """0..1; comes on top of the weights of the other parts."""


@dataclass(frozen=True, slots=True)
class DocumentsRead:
    """The reading of a query as documents: how like they are to it, and what this counts beside the words."""

    scores: DocumentScores
    weight: float
    """Weight of the scores, divided by their maximum, beside `words` and beside `typed`."""
    words: WeightedQuery
    """The words of the rewrite, scaled for the sum with the documents: each part of them is divided by its maximum
    and has its weight."""
    typed: float
    """Weight of BM25's scores of the query as typed, divided by their maximum, in a sum without other words."""
    prior: WeightedPrior | None = None
    """The prominence of documents; None if it counts for nothing."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The result of rewriting one query."""

    query: str
    """The query as typed."""
    text: str
    """The rewritten query as readable text; equals `query` if nothing is applied."""
    terms: tuple[tuple[str, float], ...]
    """Expansion words as people read them, with weights that sum to 1, heaviest first; empty if nothing is
    applied."""
    correction: str | None
    """The query with misspelt words replaced; None if no word was replaced."""
    applied: bool
    """True if the search differs from that of the query as typed."""
    reason: Reason
    confidence: float
    """Probability mass of the expansion terms, 0..1, which the gate compares with its threshold."""
    blend: WeightedQuery
    """Mode `blend`: original, correction, feedback and expansion terms as weighted clauses; the plain original query
    if nothing is applied."""
    replace: WeightedQuery
    """Mode `replace`: the rewrite without the original; the plain original query if nothing is applied."""
    context: tuple[str, ...] = ()
    """Words of the session's earlier queries that `blend` and `replace` contain."""
    learned: bool | None = None
    """Whether the model that has learned from sessions answered; None if the version has no other."""
    documents: DocumentsRead | None = None
    """The reading as documents; None without it."""
    unread: Unread = Unread.WORDS_ALONE
    """Why there is no reading as documents, if there is none."""

    @classmethod
    def keep(cls, query: str, reason: Reason, confidence: float = 0.0) -> Rewrite:
        """The rewrite that leaves a query as typed, for this reason."""
        plain = WeightedQuery.of(query)
        return cls(query, query, (), None, False, reason, confidence, plain, plain)


class Rewriter(Protocol):
    """Turns typed queries into weighted queries."""

    @property
    def version(self) -> str:
        """Identifier of model and settings; logged with every search."""

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[Rewrite]:
        """One rewrite per request, in order. A query without index terms gets `Rewrite.keep`."""


@runtime_checkable
class KnowsWords(Protocol):
    """A rewriter that tells which queries it can read."""

    def knows(self, request: RewriteRequest) -> bool:
        """Whether it knows a word of the query, or a likely spelling of one."""
