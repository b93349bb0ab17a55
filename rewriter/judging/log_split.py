"""The sides of a log: sessions to learn from, sessions to choose by, and sessions to judge versions by.

The unit is the session with all that it clicked, so its queries stay together. Sessions that clicked similar sets
of documents are one need, and a need is on one side. A hash of the need's documents decides, and does not change
while the need has the same documents.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.judging.keyed_numbers import keyed_numbers, keyed_positions
from untilclick.rewriter.judging.linking import LinkedSets, linked_sets
from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.errors import DataError
from untilclick.search.records import TOPIC_ATTRIBUTE, Session


class Part(IntEnum):
    """What a session is used for."""

    TRAINING = 0
    VALIDATION = 1
    """The choices of a training are made by it."""
    JUDGED = 2
    """Versions are judged by it, and none learns from it."""


@dataclass(frozen=True)
class Shares:
    """Shares of the needs that training leaves alone, 0..1."""

    validation: float
    judged: float


@dataclass(frozen=True)
class LogSplit:
    """A log's sessions by part."""

    session_numbers: NDArray[np.uint64]
    """(n,) keyed numbers of the session ids, ascending."""
    parts: NDArray[np.int8]
    """(n,) the part of each."""
    needs: NDArray[np.int64]
    """(n,) the need of each."""
    whole: frozenset[int]
    """Needs that are too large and could not be taken apart; all of them are training needs."""
    key: SplitKey
    record: SplitRecord

    def sessions(self, log: Iterable[Session], part: Part) -> Iterator[Session]:
        """The sessions of a part, in the order of the log. Sessions that the split has not seen are left out."""
        for session in log:
            row = self._row(session)
            if row is not None and self.parts[row] == part:
                yield session

    def need_of(self, session: Session) -> int | None:
        """The need of a session; None for a session that the split has not seen."""
        row = self._row(session)
        return None if row is None else int(self.needs[row])

    def _row(self, session: Session) -> int | None:
        number = np.uint64(self.key.number(_SESSION, session.session_id))
        place = int(self.session_numbers.searchsorted(number))
        return place if place < self.session_numbers.size and self.session_numbers[place] == number else None


_SESSION, _QUERY, _NEED, _SIDE, _CHOICE = "session", "query", "need", "side", "validation"
"""Purposes of keyed numbers."""


def split_log(
    sessions: Iterable[Session],
    analysis: Analysis,
    key: SplitKey,
    shares: Shares,
    need_of_topic: Mapping[str, str] | None = None,
) -> LogSplit:
    """Split a log, which is read once, session by session.

    A session that names a simulated user's topic has the need that `need_of_topic` has for it, else that topic. If no
    need falls to the validation, one of two or more training needs does.
    Raises DataError for a session id that occurs a second time.
    """
    log = _Skeleton(analysis, key, need_of_topic or {})
    for session in sessions:
        if session.turns:
            log.add(session)
    return log.split(shares)


class _Skeleton:
    """What a split has to know of the sessions of a log, about 300 bytes each."""

    def __init__(self, analysis: Analysis, key: SplitKey, need_of_topic: Mapping[str, str]) -> None:
        self._analysis = analysis
        self._key = key
        self._need_of_topic = need_of_topic
        self._sessions: list[int] = []  # keyed numbers of the session ids
        self._names: list[Hashable | None] = []  # named needs, and the terms of sessions without a click
        self._has_need: list[bool] = []  # whether a session has a click or a named need
        self._clicked: list[frozenset[int]] = []  # numbers of the clicked documents
        self._queries: list[tuple[int, ...]] = []  # keyed numbers of the terms of the session's queries
        self._documents: dict[str, int] = {}  # doc_id -> number
        self._known: dict[str, int] = {}  # query -> keyed number of its terms

    def add(self, session: Session) -> None:
        """Read a session that has a query."""
        queries = tuple(self._query(turn.query) for turn in session.turns)
        topic = session.turns[0].attributes.get(TOPIC_ATTRIBUTE)
        name: Hashable | None = None
        clicked: frozenset[int] = frozenset()
        if topic is not None:
            name = self._need_of_topic.get(str(topic), f"topic {topic}")
        elif session.abandoned:
            name = queries[0]
        else:
            numbers = self._documents
            clicked = frozenset(numbers.setdefault(doc_id, len(numbers)) for doc_id in session.clicked)
        self._sessions.append(self._key.number(_SESSION, session.session_id))
        self._names.append(name)
        self._has_need.append(topic is not None or bool(clicked))
        self._clicked.append(clicked)
        self._queries.append(queries)

    def split(self, shares: Shares) -> LogSplit:
        """The parts of all sessions that were read."""
        linked = linked_sets(self._clicked, self._names)
        of_needs = self._parts_of_needs(linked, shares)  # (needs,)
        parts = of_needs[linked.groups]  # (n,)
        numbers = np.array(self._sessions, dtype=np.uint64)
        order = np.argsort(numbers, kind="stable")
        if np.unique(numbers).size < numbers.size:
            raise DataError("A session id occurs a second time. Give every session of a log its own id")
        typed: set[int] = set()
        others: list[int] = []
        for queries, part in zip(self._queries, parts, strict=True):
            (typed.update if part == Part.TRAINING else others.extend)(queries)
        needs = linked.groups[np.array(self._has_need, dtype=bool)]
        record = SplitRecord(
            key=self._key.name,
            n_sessions=len(parts),
            n_clicked=needs.size,
            n_needs=int(np.unique(needs).size),
            largest=int(np.bincount(needs).max()) if needs.size else 0,
            kept_whole=len(linked.whole),
            n_typed_in_training=sum(query in typed for query in others),
        )
        whole = frozenset(linked.whole)
        return LogSplit(numbers[order], parts[order], linked.groups[order], whole, self._key, record)

    def _parts_of_needs(self, linked: LinkedSets, shares: Shares) -> NDArray[np.int8]:
        """(needs,) the part of each need. The document or name of a need with the smallest number stands for it."""
        documents = keyed_numbers(self._key, _NEED, self._documents)
        least = np.full(linked.n_groups, np.iinfo(np.uint64).max, dtype=np.uint64)
        for group, name, clicked in zip(linked.groups.tolist(), self._names, self._clicked, strict=True):
            numbers = [documents[document] for document in clicked]
            if name is not None:
                numbers.append(np.uint64(self._key.number(_NEED, str(name))))
            least[group] = min([least[group], *numbers])
        standing = [str(number) for number in least.tolist()]
        choice = keyed_positions(self._key, _CHOICE, standing)  # (needs,)
        parts = np.zeros(linked.n_groups, dtype=np.int8)
        parts[choice < shares.validation] = Part.VALIDATION
        parts[keyed_positions(self._key, _SIDE, standing) < shares.judged] = Part.JUDGED
        parts[list(linked.whole)] = Part.TRAINING
        real = np.zeros(linked.n_groups, dtype=bool)
        real[linked.groups[np.array(self._has_need, dtype=bool)]] = True
        real[list(linked.whole)] = False
        open_needs = np.flatnonzero(real & (parts == Part.TRAINING))
        if shares.validation > 0 and open_needs.size > 1 and not (real & (parts == Part.VALIDATION)).any():
            # without a held-out query no epoch and no round could be better than the start
            parts[open_needs[choice[open_needs].argmin()]] = Part.VALIDATION
        return parts

    def _query(self, query: str) -> int:
        number = self._known.get(query)
        if number is None:
            number = self._known[query] = self._key.number(_QUERY, terms_of_query(query, self._analysis))
        return number
