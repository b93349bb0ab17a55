"""The queries of recent sessions, in memory: what a search must know while the log does not have them yet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from untilclick.search.log.live_events import PastQuery

MAX_CHARACTERS = 4_000_000
"""Of queries in memory, each counted with TURN_CHARACTERS more; some 16,000 queries of ordinary length."""

TURN_CHARACTERS = 200
"""What a query costs besides its text."""


class RecentSessions:
    """The latest sessions of this process. The one that was asked about longest ago is forgotten first."""

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
        """The queries of a session that are remembered, in the order in which they came."""
        with self._lock:
            if session_id not in self._sessions:
                return ()
            self._sessions.move_to_end(session_id)
            return tuple(self._sessions[session_id])


def merged(*parts: Iterable[PastQuery]) -> tuple[PastQuery, ...]:
    """The queries of one session from several places, each once, oldest first."""
    queries = {each.query_id: each for part in parts for each in part}
    return tuple(sorted(queries.values(), key=lambda each: (each.time, each.step, each.query_id)))


def _cost(query: PastQuery) -> int:
    return len(query.query) + TURN_CHARACTERS
