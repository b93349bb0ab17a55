"""What a rewriter answers, and the interface that training-time and serving-time rewriters share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from untilclick.search.records import WeightedQuery


class Reason(StrEnum):
    """Why a rewrite was or was not applied; the value is what responses, logs and metrics carry."""

    APPLIED = "applied"
    MODE_OFF = "mode_off"
    NO_MODEL = "no_model"
    EMPTY_QUERY = "empty_query"
    QUERY_TOO_LONG = "query_too_long"
    EMPTY_REWRITE = "empty_rewrite"
    GATED = "gated"
    """The gate expects no gain."""
    OVER_BUDGET = "over_budget"
    ERROR = "error"
    BREAKER_OPEN = "breaker_open"
    """The rewriter failed again and again, and is left alone for a while."""


@dataclass(frozen=True, slots=True)
class RewriteRequest:
    """What a rewriter sees of a search session."""

    query: str
    history: tuple[str, ...] = ()
    """Earlier queries of the session, oldest first."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A rewriter's answer to one query."""

    query: str
    """As typed."""
    text: str
    """The rewritten query for a person to read; equals `query` when nothing is applied."""
    terms: tuple[tuple[str, float], ...]
    """Expansion words with weights that sum to 1, heaviest first; empty when nothing is applied."""
    correction: str | None
    """The query with misspelt words replaced, None where no word was."""
    applied: bool
    reason: Reason
    confidence: float
    """What the gate compared with its threshold, 0..1."""
    blend: WeightedQuery
    """Original, correction, feedback and expansion terms as weighted clauses (mode `blend`); the plain original
    query when nothing is applied."""
    replace: WeightedQuery
    """The rewrite alone (mode `replace`); the plain original query when nothing is applied."""
    context: tuple[str, ...] = ()
    """Words of the session's earlier queries that both of them hold."""

    @classmethod
    def keep(cls, query: str, reason: Reason, confidence: float = 0.0) -> Rewrite:
        """Search the original query as typed."""
        plain = WeightedQuery.of(query)
        return cls(query, query, (), None, False, reason, confidence, plain, plain)


class Rewriter(Protocol):
    """Turns typed queries into weighted queries."""

    @property
    def version(self) -> str:
        """Identifies model and settings; logged with every search."""

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[Rewrite]:
        """One answer per request, in order. Requests without a word answer with `Rewrite.keep`."""
