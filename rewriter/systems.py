"""What an evaluation compares: anything that answers typed queries with weighted queries.

The baselines are in `rewriter.baselines`; a trained rewriter becomes a system through `RewriterSystem`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from rewriter.rewrite import Rewrite, Rewriter, RewriteRequest
from search.records import Topic, WeightedQuery


@dataclass(frozen=True, slots=True)
class TypedTopic:
    """A need and the first query a user typed for it."""

    topic: Topic
    query: str
    """What systems see: may be misspelt, and may differ from the topic's own query."""


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


@dataclass(frozen=True)
class RewriterSystem:
    """A trained rewriter as the service uses it."""

    rewriter: Rewriter
    mode: Literal["blend", "replace"] = "blend"
    """Which of the rewrite's two weighted queries is searched."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """Rewrite every typed query as the first of its session."""
        rewrites = self.rewriter.rewrite([RewriteRequest(one.query) for one in topics])
        return [Answer(one.blend if self.mode == "blend" else one.replace, one) for one in rewrites]
