"""The query that most often came next in the log, searched for the one that was typed: what a log gives by counting.

Only queries that the log holds, letter by letter but for case and punctuation, are changed. The log must be of other
needs than those that are reported; sessions that name a reported topic are left out.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rewriter.baselines import mix
from rewriter.systems import Answer, TypedTopic
from search.analysis import terms, words
from search.records import Session, WeightedQuery

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SuccessorSettings:
    """How the successor is used."""

    mode: Literal["replace", "mix"] = "mix"
    """Searched instead of what was typed, or beside it at equal weight."""


SUCCESSOR_GRID = (SuccessorSettings("replace"), SuccessorSettings("mix"))
"""What is tried on training topics."""


@dataclass(frozen=True)
class Successor:
    """The most frequent successor in the log; queries that it does not hold, or only as the last, stay as typed.

    Source: Jones, Rey, Madani & Greiner, "Generating query substitutions", WWW 2006; Boldi et al., "The query-flow
    graph: model and applications", CIKM 2008.
    """

    successors: Mapping[str, str] = field(repr=False)
    """Of `most_frequent_successors`."""
    settings: SuccessorSettings = field(default_factory=SuccessorSettings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """One weighted query per topic."""
        return [Answer(self._followed(one.query)) for one in topics]

    def _followed(self, query: str) -> WeightedQuery:
        successor = self.successors.get(as_words(query), "")
        length = len(terms(successor))
        if not length:
            return WeightedQuery.of(query)
        if self.settings.mode == "replace":
            return WeightedQuery.of(successor)
        return mix(query, [(successor, 1.0 / length)], 0.5)


def most_frequent_successors(sessions: Iterable[Session]) -> dict[str, str]:
    """Query -> the later query of its sessions that got the click most often; of those with as many clicks the most
    frequent, then the alphabetically first. Queries are given `as_words`; a repeated query is no successor."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    clicks: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for session in sessions:
        typed = [as_words(turn.query) for turn in session.turns]
        for step, query in enumerate(typed):
            later = [i for i in range(step + 1, len(typed)) if typed[i] != query]
            counts[query].update(typed[i] for i in later)
            clicks[query].update(typed[i] for i in later if session.turns[i].clicks)
    return {query: _first(after, clicks[query]) for query, after in counts.items() if after}


def sessions_of_other_topics(sessions: Iterable[Session], reported: Collection[str]) -> Iterable[Session]:
    """The sessions that name none of the reported topics; live ones name none. Says in the log what is left out."""
    from rewriter.training_data import TOPIC_ATTRIBUTE

    left_out = 0
    for session in sessions:
        if any(str(turn.attributes.get(TOPIC_ATTRIBUTE)) in reported for turn in session.turns):
            left_out += 1
        else:
            yield session
    if left_out:
        logger.warning("%d sessions of the log are of topics that are reported; successor does without", left_out)


def _first(counts: Counter[str], clicks: Counter[str]) -> str:
    return min(counts, key=lambda query: (-clicks[query], -counts[query], query))


def as_words(query: str) -> str:
    """The words of a query in lower case, one space between them."""
    return " ".join(words(query))
