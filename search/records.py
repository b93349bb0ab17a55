"""The records that modules exchange: frozen dataclasses and NamedTuples, almost without behaviour.

Grades, ranks and times mean the same everywhere: a grade is a non-negative integer (0 = not relevant), a rank is
1-based, and a time is a float, in seconds since the epoch (UTC).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Source = Literal["simulated", "live"]

TOPIC_ATTRIBUTE = "topic_id"
"""Name of the turn attribute that holds the `topic_id` of a simulated user's topic. Turns of visitors lack it."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a corpus, the unit that is retrieved."""

    doc_id: str
    title: str
    """May be empty."""
    text: str

    @property
    def content(self) -> str:
        """The text that engines index: the title and the text."""
        return f"{self.title} {self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True)
class Topic:
    """An information need: the query that states it and the documents that satisfy it."""

    topic_id: str
    query: str
    relevance: Mapping[str, int] = field(hash=False)
    """doc_id -> grade. Documents that are not listed have grade 0."""
    history: tuple[str, ...] = ()
    """Queries typed earlier in the same session, oldest first."""
    need: str | None = None
    """The information need that the query states, where the data names one: topics of a session or a conversation
    share it. None: not named."""


@dataclass(frozen=True, slots=True)
class WeightedQuery:
    """A query of weighted clauses. The score of a document is the sum of weight x BM25(text) over the clauses."""

    clauses: tuple[tuple[str, float], ...]
    """(text, weight) pairs; a weight is >= 0."""

    @classmethod
    def of(cls, text: str) -> WeightedQuery:
        """A plain query: one clause with weight 1."""
        return cls(((text, 1.0),))

    def heaviest(self, n: int) -> WeightedQuery:
        """The query with only its n heaviest clauses, in their order; of equally heavy clauses the earlier stays."""
        if len(self.clauses) <= n:
            return self
        # `heaviest` of the room `text` needs numpy, which this lowest room does not load; a query has few clauses.
        order = sorted(range(len(self.clauses)), key=lambda i: -self.clauses[i][1])
        return WeightedQuery(tuple(self.clauses[i] for i in sorted(order[:n])))


class ScoredDoc(NamedTuple):
    """An entry of a ranking. Scores of different engines are not comparable."""

    doc_id: str
    score: float


class Feedback(NamedTuple):
    """The relevance model of the first documents of a query, see `SearchEngine.feedback_terms`."""

    terms: list[tuple[str, float]]
    """Surface words with weights that sum to 1, heaviest first."""
    scores: list[float]
    """Scores of the documents, best first."""
    doc_ids: list[str]
    """Ids of the documents, best first."""


@dataclass(frozen=True, slots=True)
class Click:
    """A click on a shown document."""

    query_id: str
    doc_id: str
    rank: int
    time: float


@dataclass(frozen=True, slots=True)
class Turn:
    """One query of a search session: the typed and the searched query, the shown documents and the clicks."""

    query_id: str
    step: int
    """0-based position within the session."""
    query: str
    rewrite: str | None
    """The rewritten query that was searched; None if the query was searched as typed."""
    shown: tuple[str, ...]
    """doc_ids of the shown documents in order of rank; `shown[0]` has rank 1."""
    clicks: tuple[Click, ...]
    time: float
    attributes: Mapping[str, str | int | float | bool | None] = field(default_factory=dict, hash=False)
    """Further values by name: rewriter version, reason, propensity, topic of a simulated user."""


@dataclass(frozen=True, slots=True)
class Session:
    """The turns of one visitor with one need, in order.

    A session mostly ends with the first click that satisfies the need, or the visitor abandons it.
    """

    session_id: str
    source: Source
    turns: tuple[Turn, ...]
    client_id: str | None = None

    @property
    def clicked(self) -> tuple[str, ...]:
        """doc_ids of all clicks of the session, in order of time."""
        return tuple(click.doc_id for turn in self.turns for click in turn.clicks)

    @property
    def abandoned(self) -> bool:
        """Whether the session has no click."""
        return not self.clicked


@dataclass(frozen=True, slots=True)
class Corpus:
    """The documents of one source, in order."""

    source: str
    """The source as given by `--data`, such as `stdlib` or a path."""
    documents: tuple[Document, ...]
    fingerprint: str
    """First 16 hex digits of the SHA-256 over all documents in order, so equal documents give equal fingerprints."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A corpus and its topics by split."""

    corpus: Corpus
    topics: Mapping[str, tuple[Topic, ...]] = field(hash=False)
    """Name of the split (`train`, `dev`, `test`) -> topics. A split that the source lacks is absent."""
    queries: Literal["real", "made"]
    """The origin of the topics' queries. `real`: people typed them; a simulated user first types them verbatim.
    `made`: they were made from documents; a simulated user types them with misspellings and other noise."""

    @property
    def all_topics(self) -> tuple[Topic, ...]:
        """The topics of all splits."""
        return tuple(topic for split in self.topics.values() for topic in split)
