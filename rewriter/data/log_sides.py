"""A log by the sides of its split, in memory: sessions to learn from, to choose by, and to judge by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np

from untilclick.rewriter.judging.log_split import Part, Shares, split_log
from untilclick.rewriter.judging.needs import needs_of_topics, terms_of_query
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.log.visitors import once_per_client
from untilclick.search.records import TOPIC_ATTRIBUTE, Session, Topic

SHARES = Shares(validation=0.1, judged=0.2)
"""Shares of the needs by which every training chooses, and by which every version is judged."""

Simulation = Callable[[Sequence[Session]], Sequence[Session]]
"""Makes sessions of simulated users from the training sessions of a log, and from no other sessions of it."""


@dataclass(frozen=True)
class LogSides:
    """The sessions of a log that have a query. A client's repeated clicks are left out, see
    `visitors.once_per_client`."""

    training: tuple[Session, ...]
    validation: tuple[Session, ...]
    judged: tuple[Session, ...]
    needs: Mapping[str, int]
    """Session id -> number of its need; empty for a log that was split without needs."""
    analysis: Analysis
    record: SplitRecord | None
    """None for a log that was split without needs, by the first queries of its sessions."""
    fixed: frozenset[int] = frozenset()
    """Needs that are too large to be held out."""
    worded: tuple[Session, ...] | None = None
    """The sessions whose words that no document holds a model reads, see `typed_words`; None: those of training."""
    simulation: Simulation | None = None
    """Makes sessions that are learned from beside those of training; None: there are none. They are on no side: they
    have no need, are not counted, and judge and choose nothing."""

    @cached_property
    def simulated(self) -> tuple[Session, ...]:
        """The simulated sessions beside those of training."""
        return () if self.simulation is None else tuple(self.simulation(self.training))

    @property
    def all(self) -> tuple[Session, ...]:
        """The sessions of all sides."""
        return self.training + self.validation + self.judged

    def need_of(self, session: Session) -> int | None:
        """The need of a session; None in a log that was split without needs."""
        return self.needs.get(session.session_id)

    def is_typed_in_training(self, query: str) -> bool:
        """Whether a training session typed a query with the same index terms: a held-out query of this kind judges
        nothing. False in a log that was split without needs."""
        return bool(self.needs) and terms_of_query(query, self.analysis) in self._typed

    @property
    def word_sessions(self) -> tuple[Session, ...]:
        """The sessions whose words a model reads."""
        return self.training if self.worded is None else self.worded

    def to_learn_from(self, sessions: Sequence[Session], worded: Sequence[Session] | None = None) -> LogSides:
        """The log with these sessions to learn from, and none to choose or to judge by. `worded` is as the field."""
        words = None if worded is None else tuple(worded)
        return replace(self, training=tuple(sessions), validation=(), judged=(), worded=words)

    def folds(self, n: int, seed: int) -> list[LogSides]:
        """The same sessions split `n` times: each need that can be held out is judged once. Of the needs that are
        not judged, those of the validation stay there; without any, one becomes the validation."""
        free = np.array(sorted(set(self.needs.values()) - self.fixed), dtype=np.int64)
        shuffled = np.random.default_rng(seed).permutation(free)
        parts = np.array_split(shuffled, max(1, min(n, free.size)))
        return [self._judged_by(frozenset(part.tolist())) for part in parts if part.size]

    def _judged_by(self, judged: frozenset[int]) -> LogSides:
        chosen = {self.needs[session.session_id] for session in self.validation} - judged
        if not chosen:
            chosen = set(sorted(set(self.needs.values()) - judged - self.fixed)[:1])
        sides: tuple[list[Session], list[Session], list[Session]] = ([], [], [])
        for session in self.all:
            need = self.needs[session.session_id]
            sides[2 if need in judged else 1 if need in chosen else 0].append(session)
        training, validation, held_out = map(tuple, sides)
        return replace(self, training=training, validation=validation, judged=held_out)

    @cached_property
    def _typed(self) -> frozenset[str]:
        """Index terms of the training queries."""
        queries = {turn.query for session in self.training for turn in session.turns}
        return frozenset(terms_of_query(query, self.analysis) for query in queries)


def split_by_need(
    sessions: Iterable[Session],
    topics: Mapping[str, Sequence[Topic]],
    analysis: Analysis,
    key: SplitKey,
    shares: Shares = SHARES,
) -> LogSides:
    """Split a log so that every need is on one side. `topics` are those of a collection, by its splits; one that no
    session names changes nothing, so that no held-out topic decides what is learned. Raises DataError for a session
    id that occurs a second time."""
    kept = [session for session in once_per_client(sessions) if session.turns]
    named = {session.turns[0].attributes.get(TOPIC_ATTRIBUTE) for session in kept}
    of_log = (split for split in topics.values() if not named.isdisjoint(topic.topic_id for topic in split))
    split = split_log(kept, analysis, key, shares, _named_needs([*chain.from_iterable(of_log)], analysis))
    needs = {session.session_id: need for session in kept if (need := split.need_of(session)) is not None}
    training, validation, judged = (tuple(split.sessions(kept, part)) for part in Part)
    return LogSides(training, validation, judged, needs, analysis, split.record, split.whole)


def _named_needs(topics: Sequence[Topic], analysis: Analysis) -> dict[str, str]:
    """Topic id -> name of its need: the first, by id, of the topics with this need."""
    first: dict[int, str] = {}
    groups = needs_of_topics(topics, analysis).groups.tolist()
    needs = sorted((topic.topic_id, group) for topic, group in zip(topics, groups, strict=True))
    return {topic_id: f"topic {first.setdefault(group, topic_id)}" for topic_id, group in needs}
