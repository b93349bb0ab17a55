"""The session log as the service uses it: a log that fails costs a record, never a search.

Every failure is logged and counted here and nowhere else. An event that could not be written is not kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from app.metrics import Metrics
from search.errors import LogError
from search.log_stats import LogStats
from search.records import Click, Source, Turn
from search.session_log import SessionLog

T = TypeVar("T")

_log = logging.getLogger(__name__)


class SoftLog:
    """A session log whose failures are counted instead of raised, except where figures of the log are asked for."""

    def __init__(self, log: SessionLog, metrics: Metrics) -> None:
        self._log = log
        self._metrics = metrics

    def history(self, session_id: str) -> tuple[str, ...]:
        """The queries of a session so far, oldest first; empty for a new session, and where the log fails."""
        return self._softly("read", lambda: self._log.history(session_id), ())

    def turn(self, session_id: str, turn: Turn, client_id: str | None) -> bool:
        """Log a query of a live session; False where the log fails."""
        return self._softly("turn", lambda: self._log.append_turn(session_id, "live", turn, client_id), False)

    def click(self, click: Click) -> bool | None:
        """Log a click: True where it is new, False where it is logged already, None where the log fails."""
        return self._softly("click", lambda: self._log.append_click(click), None)

    def stats(self, source: Source | None) -> LogStats:
        """Figures of the log. Raises LogError where the log fails."""
        return self._log.stats(source)

    def credits(self, experiment: str, since: float) -> list[tuple[int, int]]:
        """See `SessionLog.credits`. Raises LogError where the log fails."""
        return self._log.credits(experiment, since)

    def answers(self) -> bool:
        """Whether the log can be read at this moment."""
        return self._softly("read", lambda: self._log.n_turns("") == 0, False)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def _softly(self, operation: str, act: Callable[[], T], otherwise: T) -> T:
        try:
            return act()
        except LogError as error:
            _log.warning("The session log failed (%s): %s", operation, error)
            self._metrics.log_failure(operation)
            return otherwise
