"""The nouns that cross module borders: frozen dataclasses, no behaviour beyond construction.

Grades, ranks and times have one meaning everywhere: a grade is a non-negative integer (0 = not relevant), a rank
is 1-based, a time is seconds since the epoch (UTC) as a float.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Source = Literal["simulated", "live"]

TOPIC_ATTRIBUTE = "topic_id"
"""Turn attribute with the `topic_id` of a simulated user's topic; turns of visitors lack it."""


@dataclass(frozen=True, slots=True)
class Document:
    """One retrievable unit of a corpus."""

    doc_id: str
    title: str
    """May be empty."""
    text: str

    @property
    def content(self) -> str:
        """What engines index: title and text."""
        return f"{self.title} {self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Topic:
    """A need: a query that states it and the documents that satisfy it."""

    topic_id: str
    query: str
    relevance: Mapping[str, int] = field(hash=False)
    """doc_id -> grade; absent documents have grade 0."""
    history: tuple[str, ...] = ()
    """Queries typed before this one in the same session, oldest first."""


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """A query as weighted clauses: the score of a document is the sum of weight x BM25(clause text)."""

    clauses: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, text: str) -> WeightedQuery:
        """A plain query: one clause of weight 1."""
        return cls(((text, 1.0),))

    def heaviest(self, n: int) -> WeightedQuery:
        """Its n heaviest clauses, in their order; of equals the earlier."""
        if len(self.clauses) <= n:
            return self
        order = sorted(range(len(self.clauses)), key=lambda i: -self.clauses[i][1])
        return WeightedQuery(tuple(self.clauses[i] for i in sorted(order[:n])))


class ScoredDoc(NamedTuple):
    """One entry of a ranking. Scores of different engines are not comparable."""

    doc_id: str
    score: float


class Feedback(NamedTuple):
    """What the first documents of a query say, see `SearchEngine.feedback_terms`."""

    terms: list[tuple[str, float]]
    """Surface words with weights that sum to 1, heaviest first."""
    scores: list[float]
    """Of the documents, best first."""


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a shown document."""

    query_id: str
    doc_id: str
    rank: int
    time: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One query of a search session: what was typed, what was searched instead, what was shown and clicked."""

    query_id: str
    step: int
    """0-based position within the session."""
    query: str
    rewrite: str | None
    """The rewritten query that was searched, or None when the query was searched as typed."""
    shown: tuple[str, ...]
    """doc_ids in rank order; `shown[0]` has rank 1."""
    clicks: tuple[Click, ...]
    time: float
    attributes: Mapping[str, str | int | float | bool | None] = field(default_factory=dict, hash=False)
    """What has no column of its own: rewriter version, reason, propensity, topic of a simulated user."""


@dataclass(frozen=True, slots=True)
class Session:
    """The turns of one visitor with one need, in order; ends at the first satisfying click or is abandoned."""

    session_id: str
    source: Source
    turns: tuple[Turn, ...]
    client_id: str | None = None

    @property
    def clicked(self) -> tuple[str, ...]:
        """doc_ids clicked anywhere in the session, in order of time."""
        return tuple(click.doc_id for turn in self.turns for click in turn.clicks)

    @property
    def abandoned(self) -> bool:
        """True when nothing was clicked."""
        return not self.clicked


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of one source."""

    source: str
    """The `--data` argument it came from."""
    documents: tuple[Document, ...]
    fingerprint: str
    """First 16 hex digits of the SHA-256 over all documents in order; equal content gives equal fingerprints."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A corpus with topics per split."""

    corpus: Corpus
    topics: Mapping[str, tuple[Topic, ...]] = field(hash=False)
    """Split name (`train`, `dev`, `test`) -> topics. A split that the source lacks is absent."""
    queries: Literal["real", "made"]
    """`real`: topic queries were typed by people and are searched verbatim first. `made`: they were made from
    documents, and a simulated user types them with its own noise."""

    @property
    def all_topics(self) -> tuple[Topic, ...]:
        """Those of every split."""
        return tuple(topic for split in self.topics.values() for topic in split)
