"""The query that most often came next in the log, searched in place of the typed query or together with it.

This is what a log teaches by counting alone. Only queries that stand in the log are changed; case and punctuation do
not matter. Sessions that name a reported topic are left out, because they would give its answers away.
"""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from untilclick.rewriter.evaluation.baselines.parameter_choice import ParameterChoice
from untilclick.rewriter.evaluation.baselines.simple import mix
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name
from untilclick.search.records import TOPIC_ATTRIBUTE, Session, WeightedQuery

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SuccessorSettings:
    """How the successor query is used."""

    mode: Literal["replace", "mix"] = "mix"
    """`replace` searches the successor in place of the typed query, `mix` searches both at equal weight."""


SUCCESSOR_GRID = (SuccessorSettings("mix"), SuccessorSettings("replace"))
"""Settings that are tried on training topics. `mix` wins a tie, because it keeps the typed query."""


@dataclass(frozen=True)
class Successor:
    """The most frequent successor of the query in the log. A query stays as typed if the log does not hold it, or
    holds it only at the end of sessions.

    Source: Jones, Rey, Madani & Greiner, "Generating query substitutions", WWW 2006; Boldi et al., "The query-flow
    graph: model and applications", CIKM 2008.
    """

    successors: Mapping[str, str] = field(repr=False)
    """Query -> successor, from `SuccessorCounts.most_frequent`."""
    analysis: Analysis
    """The analysis of the documents."""
    settings: SuccessorSettings = field(default_factory=SuccessorSettings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one weighted query per topic."""
        return [SearchedQuery(self._searched(typed.query)) for typed in topics]

    def _searched(self, query: str) -> WeightedQuery:
        successor = self.successors.get(as_words(query), "")
        length = len(self.analysis.terms(successor))
        if not length:  # no successor, or one of stop words alone, which would retrieve nothing
            return WeightedQuery.of(query)
        if self.settings.mode == "replace":
            return WeightedQuery.of(successor)
        return mix(query, [(successor, 1.0 / length)], 0.5, self.analysis)


class SuccessorCounts:
    """Counts which queries followed which in sessions. Queries are compared in the form of `as_words`."""

    def __init__(self) -> None:
        self._after: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._clicked_after: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, session: Session) -> None:
        """Count every later query of the session as a successor of every earlier query that differs from it."""
        typed = [as_words(turn.query) for turn in session.turns]
        for step, query in enumerate(typed):
            later = [i for i in range(step + 1, len(typed)) if typed[i] != query]
            self._after[query].update(typed[i] for i in later)
            self._clicked_after[query].update(typed[i] for i in later if session.turns[i].clicks)

    def most_frequent(self) -> dict[str, str]:
        """Query -> its successor with the most clicks. Ties go to the most frequent, then to the alphabetically
        first."""
        return {query: _first(after, self._clicked_after[query]) for query, after in self._after.items() if after}


def successor_of(
    sessions: Iterable[Session], reported: Collection[str], choice: ParameterChoice, analysis: Analysis
) -> Successor:
    """The baseline counted over all sessions but those of the reported topic ids.

    The choice between replacing and mixing is made with counts that also leave out the topics to choose on: replacing
    would look too good on needs that the log knows. Sessions of visitors name no topic and always count.
    """
    chosen_on = {typed.topic.topic_id for typed in choice.topics}
    counts, counts_for_choice, left_out = SuccessorCounts(), SuccessorCounts(), 0
    for session in sessions:
        topic_ids = _topic_ids(session)
        if not topic_ids.isdisjoint(reported):
            left_out += 1
            continue
        counts.add(session)
        if topic_ids.isdisjoint(chosen_on):
            counts_for_choice.add(session)
    if left_out:
        logger.warning("successor: left out %d sessions of the log, which belong to reported topics", left_out)
    successors = counts_for_choice.most_frequent()
    settings = choice.best(
        SUCCESSOR_GRID, lambda settings: Successor(successors, analysis, settings), SuccessorSettings()
    )
    return Successor(counts.most_frequent(), analysis, settings)


def as_words(query: str) -> str:
    """The words of a query in lower case, separated by single spaces."""
    return " ".join(analysis_by_name(FIRST_NAME).words(query))


def _topic_ids(session: Session) -> set[str]:
    """The topics that a simulated session names; empty for a visitor's session."""
    named = (turn.attributes.get(TOPIC_ATTRIBUTE) for turn in session.turns)
    return {str(topic_id) for topic_id in named if topic_id is not None}


def _first(counts: Counter[str], clicks: Counter[str]) -> str:
    return min(counts, key=lambda query: (-clicks[query], -counts[query], query))
