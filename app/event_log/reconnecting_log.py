"""A session log that opens as soon as its database answers: a service can start while its database server is down."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Self

from untilclick.search.errors import LogAwayError
from untilclick.search.log.database import parse_log_url
from untilclick.search.log.session_log import SessionLog

_log = logging.getLogger(__name__)


class ReconnectingLog:
    """Opens a session log at the first use that succeeds. Threads may share it."""

    def __init__(self, opener: Callable[[], SessionLog]) -> None:
        self._opener = opener
        self._log: SessionLog | None = None
        self._opening = Lock()

    @classmethod
    def at(cls, url: str) -> Self:
        """The log at an address, opened now if its database answers, else at a later use.

        Raises LogError if the address, the file or the schema is wrong. It does not raise if a server is down, or if
        another program locks the file.
        """
        log = cls(lambda: SessionLog.open(url, durable=True))
        try:
            log.get()
        except LogAwayError as error:
            cause = str(getattr(error.__cause__, "orig", ""))
            if parse_log_url(url).drivername == "sqlite" and "locked" not in cause:
                raise
            _log.warning("Starting without the session log, events wait in the spool: %s", error)
        return log

    def get(self) -> SessionLog:
        """The open log. Blocks while it is being opened; raises LogError if it cannot be opened."""
        with self._opening:
            if self._log is None:
                self._log = self._opener()
            return self._log

    def close(self) -> None:
        """Close the log if it is open. A log that another thread is opening stays open."""
        if self._log is not None:
            self._log.close()
