"""What an evaluation compares: systems, each of which turns typed queries into the queries that are searched.

The baselines are systems of their own, built by `untilclick.rewriter.evaluation.baselines.suite`. A trained rewriter
becomes a system through `RewriterSystem`. How systems are called in tables is in
`untilclick.rewriter.evaluation.system_names`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from untilclick.rewriter.readings import Readings
from untilclick.rewriter.rewrite import Rewriter, RewriteRequest
from untilclick.rewriter.serving.readings.searched_query import Form, SearchedQuery
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import Topic


@dataclass(frozen=True, slots=True)
class TypedTopic:
    """A topic together with the query that a user typed for it."""

    topic: Topic
    query: str
    """The query that systems see: it may be misspelt, and may differ from the topic's own query."""
    history: tuple[str, ...] = ()
    """Earlier queries of the same session, oldest first; systems see them too."""
    lay_words: tuple[str, ...] = ()
    """The words of the query that a simulated user does not share with the documents; no system may read them."""


class System(Protocol):
    """A method that turns typed queries into searched queries."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one searched query per topic, in order. Only the oracle may read the topics' judgments."""


@runtime_checkable
class Tuned(Protocol):
    """A system whose parameters were chosen on training topics; the report lists them."""

    @property
    def settings(self) -> object:
        """The chosen parameters; their `str` is reported."""


@dataclass(frozen=True)
class SystemWithEngine:
    """A system whose queries are searched by another engine than all others, because it changes the ranking formula
    and not the query."""

    system: System
    engine: SearchEngine
    """An engine over the same corpus."""
    settings: object
    """The parameters of the engine; their `str` is reported."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return the queries of the wrapped system."""
        return self.system(topics)


def engine_of(system: System, shared: SearchEngine) -> SearchEngine:
    """The engine that searches a system's queries: its own if it brings one, else the shared one."""
    return system.engine if isinstance(system, SystemWithEngine) else shared


@dataclass(frozen=True)
class RewriterSystem:
    """A trained rewriter, used as the service uses it."""

    rewriter: Rewriter
    mode: Form = "blend"
    """Which of the rewrite's two weighted queries is searched."""
    readings: Readings = Readings.AUTO
    """How the query is read."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Rewrite every typed query; the rewriter sees the session's earlier queries too."""
        requests = [RewriteRequest(typed.query, typed.history) for typed in topics]
        return [SearchedQuery.of(rewrite, self.mode, self.readings) for rewrite in self.rewriter.rewrite(requests)]
