"""What held-out needs say of a version: findings, each a comparison with a verdict. A bundle carries them.

All findings are about a version's twin, whose weights have not learned from the needs that it is judged by.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from untilclick.rewriter.judging.split_record import SplitRecord

FEW_NEEDS = 300
"""With fewer needs in a log, what was learned must lead the untrained rewriter by two standard errors, in outer folds
that took no part in any choice (Cawley & Talbot, "On Over-fitting in Model Selection", JMLR 2010)."""
LEAST_JUDGED = 30
"""Smallest number of needs for a verdict: intervals of a few differences are far too narrow."""


class Verdict(StrEnum):
    """What a comparison says."""

    BETTER = "better"
    WORSE = "worse"
    CANNOT_SAY = "cannot say"


@dataclass(frozen=True)
class Finding:
    """How a version compares with something else on needs that it has not learned from."""

    against: str
    """`AS_TYPED`, `UNTRAINED`, or the name of another version."""
    verdict: Verdict
    measure: str
    difference: float
    """Mean over the queries; positive if the version is better. Where documents are unknown, the middle of what it
    may be."""
    ci95: tuple[float, float]
    """Interval of the difference, by need; it covers what unknown documents may change."""
    p: float
    """p value of the two-sided test, by need, 0..1."""
    harmed_share: float
    """Share of the queries that the version makes worse, 0..1."""
    n_queries: int
    n_needs: int
    unseen: tuple[float, float] | None = None
    """Shares of the first ten documents that no searcher of the log was shown, of the version and of the other, 0..1;
    None if all documents are judged."""
    reason: str = ""
    """Why there is no verdict, in words; empty if the numbers say it."""
    by_visitor: bool = False
    """Whether the needs were learned from, but from other visitors."""

    @classmethod
    def unknown(cls, against: str, reason: str) -> Finding:
        """The finding without any comparison, and why there is none."""
        return cls(against, Verdict.CANNOT_SAY, "nDCG@10", 0.0, (0.0, 0.0), 1.0, 0.0, 0, 0, reason=reason)


@dataclass(frozen=True)
class LearnedWords:
    """Queries of words that no document holds: learned from some visitors, checked by the clicks of others."""

    confirmed: tuple[str, ...]
    """Index terms of the queries for which the version finds what the others clicked, see `proof/returning.py`. All
    words of these queries are such, and three visitors or more typed them."""
    unconfirmed: tuple[str, ...]
    """Index terms of the other queries of this kind."""


AS_TYPED, UNTRAINED = "as typed", "untrained"
"""What versions are compared with besides each other: the query as typed, and the rewriter that has learned from
documents alone, in the blend of a cold start."""
WITHOUT_SIMULATED = "without simulated sessions"
"""The same training on the log alone, which a training with simulated sessions beside it is compared with."""


@dataclass(frozen=True)
class Evidence:
    """All that is known of a version when it is exported."""

    split: SplitRecord
    """The needs of the log and their sides."""
    typed: Finding
    """Against the query as typed."""
    untrained: Finding
    """Against the untrained rewriter; for a log of few needs, measured in outer folds over all needs."""
    start: Finding
    """The untrained rewriter itself, against the query as typed."""
    before: Finding | None = None
    """Against the version that was active; None if none was that had learned."""
    returning: Finding | None = None
    """Against the untrained rewriter, on queries that return: learned from some visitors and judged by others."""
    words: LearnedWords | None = None
    """What was learned of words that no document holds; None if no query of such words returns."""

    @property
    def few_needs(self) -> bool:
        """Whether the log holds too few needs for the ordinary choices."""
        return self.split.n_needs < FEW_NEEDS
