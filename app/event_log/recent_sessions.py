"""The queries of recent sessions, kept in memory: a search needs them before the log has them.

`cachetools.LRUCache` does not serve: it weighs an entry once, when the entry is inserted. Here the limit counts
characters, and a session grows in place with every query.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from untilclick.search.log.live_events import PastQuery

MAX_CHARACTERS = 4_000_000
"""Limit of the characters of all queries, each with TURN_CHARACTERS more: some 16,000 queries of ordinary length."""

TURN_CHARACTERS = 200
"""What a query takes in memory besides its text, in characters."""


class RecentSessions:
    """The latest sessions of this process. The session that was used longest ago is forgotten first."""

    def __init__(self, max_characters: int = MAX_CHARACTERS) -> None:
        self._max_characters = max_characters
        self._characters = 0
        self._sessions: OrderedDict[str, list[PastQuery]] = OrderedDict()
        self._lock = Lock()

    def remember(self, session_id: str, query: PastQuery) -> None:
        """Add a query to its session."""
        with self._lock:
            self._sessions.setdefault(session_id, []).append(query)
            self._sessions.move_to_end(session_id)
            self._characters += _cost(query)
            while self._characters > self._max_characters:
                _, forgotten = self._sessions.popitem(last=False)
                self._characters -= sum(map(_cost, forgotten))

    def queries(self, session_id: str) -> tuple[PastQuery, ...]:
        """The remembered queries of a session, in the order in which they came; empty for an unknown session."""
        with self._lock:
            if session_id not in self._sessions:
                return ()
            self._sessions.move_to_end(session_id)
            return tuple(self._sessions[session_id])


def merged(*parts: Iterable[PastQuery]) -> tuple[PastQuery, ...]:
    """The queries of one session from several sources, each query once, oldest first."""
    queries = {query.query_id: query for part in parts for query in part}
    return tuple(sorted(queries.values(), key=lambda query: (query.time, query.step, query.query_id)))


def _cost(query: PastQuery) -> int:
    return len(query.query) + TURN_CHARACTERS
