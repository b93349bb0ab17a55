"""What an evaluation compares: anything that answers typed queries with weighted queries.

The baselines are put together by `evaluation/baselines/suite.py`; a trained rewriter becomes a system through
`RewriterSystem`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from untilclick.rewriter.rewrite import Rewrite, Rewriter, RewriteRequest
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import Topic, WeightedQuery


@dataclass(frozen=True, slots=True)
class TypedTopic:
    """A need and the query a user typed for it."""

    topic: Topic
    query: str
    """What systems see: may be misspelt, and may differ from the topic's own query."""
    history: tuple[str, ...] = ()
    """Earlier queries of the session, oldest first, which systems see too."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a system searches for a typed query."""

    query: WeightedQuery
    rewrite: Rewrite | None = None
    """How a trained rewriter came to it; None for baselines."""


class System(Protocol):
    """One way of turning what was typed into what is searched."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """One answer per topic, in order. Only a system that says so may look at the topics' relevance."""


@runtime_checkable
class Tuned(Protocol):
    """A system that had its parameters chosen; they are reported."""

    @property
    def settings(self) -> object:
        """Whose `str` says what was chosen."""


@dataclass(frozen=True)
class OwnEngine:
    """A system whose queries are searched by an engine of its own: where it is the ranking that differs."""

    system: System
    engine: SearchEngine
    """Over the same corpus."""
    settings: object
    """What the engine is set to."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """What the system answers."""
        return self.system(topics)


def engine_of(system: System, engine: SearchEngine) -> SearchEngine:
    """The engine that searches a system's queries: its own, or the one that all others share."""
    return system.engine if isinstance(system, OwnEngine) else engine


@dataclass(frozen=True)
class RewriterSystem:
    """A trained rewriter as the service uses it."""

    rewriter: Rewriter
    mode: Literal["blend", "replace"] = "blend"
    """Which of the rewrite's two weighted queries is searched."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """Rewrite every typed query, with its session's earlier ones in sight."""
        rewrites = self.rewriter.rewrite([RewriteRequest(one.query, one.history) for one in topics])
        return [Answer(one.blend if self.mode == "blend" else one.replace, one) for one in rewrites]
