"""What is searched for a typed query: weighted words, and the rewrite that they are taken from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from untilclick.rewriter.rewrite import Rewrite
from untilclick.search.records import WeightedQuery

Form = Literal["blend", "replace"]
"""Which weighted query of a rewrite is searched: the one with the query as typed, or the one without it."""


@dataclass(frozen=True, slots=True)
class SearchedQuery:
    """The query that is searched for a typed query."""

    query: WeightedQuery
    rewrite: Rewrite | None = None
    """The rewrite that led to the query; None for a query as typed, and for the queries of baselines."""

    @classmethod
    def typed(cls, query: str) -> SearchedQuery:
        """A query as typed."""
        return cls(WeightedQuery.of(query))

    @classmethod
    def of(cls, rewrite: Rewrite, form: Form = "blend") -> SearchedQuery:
        """What is searched for a rewrite; the query as typed if the rewrite is not applied."""
        return cls(rewrite.blend if form == "blend" else rewrite.replace, rewrite)
