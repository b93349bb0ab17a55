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

from untilclick.rewriter.evaluation.baselines.parameter_choice import ParameterChoice
from untilclick.rewriter.evaluation.baselines.simple import mix
from untilclick.rewriter.evaluation.systems import Answer, TypedTopic
from untilclick.search.records import TOPIC_ATTRIBUTE, Session, WeightedQuery
from untilclick.search.text.analysis import terms, words

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SuccessorSettings:
    """How the successor is used."""

    mode: Literal["replace", "mix"] = "mix"
    """Searched instead of what was typed, or beside it at equal weight."""


SUCCESSOR_GRID = (SuccessorSettings("mix"), SuccessorSettings("replace"))
"""What is tried on training topics; where both do the same, what was typed is kept."""


@dataclass(frozen=True)
class Successor:
    """The most frequent successor in the log; queries that it does not hold, or only as the last, stay as typed.

    Source: Jones, Rey, Madani & Greiner, "Generating query substitutions", WWW 2006; Boldi et al., "The query-flow
    graph: model and applications", CIKM 2008.
    """

    successors: Mapping[str, str] = field(repr=False)
    """Of `SuccessorCounts.most_frequent`."""
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


class SuccessorCounts:
    """What came after what in sessions; queries are taken `as_words`."""

    def __init__(self) -> None:
        self._after: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._clicked_after: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, session: Session) -> None:
        """Count every later query of the session as a successor of every earlier one that reads otherwise."""
        typed = [as_words(turn.query) for turn in session.turns]
        for step, query in enumerate(typed):
            later = [i for i in range(step + 1, len(typed)) if typed[i] != query]
            self._after[query].update(typed[i] for i in later)
            self._clicked_after[query].update(typed[i] for i in later if session.turns[i].clicks)

    def most_frequent(self) -> dict[str, str]:
        """Query -> the successor that got the click most often; of those with as many clicks the most frequent, then
        the alphabetically first."""
        return {query: _first(after, self._clicked_after[query]) for query, after in self._after.items() if after}


def successor_of(sessions: Iterable[Session], reported: Collection[str], choice: ParameterChoice) -> Successor:
    """Counted over all sessions but those of the reported topic ids. For the choice between replacing and mixing,
    those of the topics to choose on are not counted either: replacing would look good on needs that the log knows.

    Sessions of visitors name no topic and always count.
    """
    held_back = {one.topic.topic_id for one in choice.topics}
    whole, part, left_out = SuccessorCounts(), SuccessorCounts(), 0
    for session in sessions:
        topic_ids = _topic_ids(session)
        if not topic_ids.isdisjoint(reported):
            left_out += 1
            continue
        whole.add(session)
        if topic_ids.isdisjoint(held_back):
            part.add(session)
    if left_out:
        logger.warning("successor: %d sessions of the log are left out, being of topics that are reported", left_out)
    known = part.most_frequent()
    settings = choice.best(SUCCESSOR_GRID, lambda one: Successor(known, one), SuccessorSettings())
    return Successor(whole.most_frequent(), settings)


def as_words(query: str) -> str:
    """The words of a query in lower case, one space between them."""
    return " ".join(words(query))


def _topic_ids(session: Session) -> set[str]:
    """The topic that a simulated session names; none for a visitor's."""
    named = (turn.attributes.get(TOPIC_ATTRIBUTE) for turn in session.turns)
    return {str(topic_id) for topic_id in named if topic_id is not None}


def _first(counts: Counter[str], clicks: Counter[str]) -> str:
    return min(counts, key=lambda query: (-clicks[query], -counts[query], query))
