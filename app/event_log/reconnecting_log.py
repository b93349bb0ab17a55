"""A session log that is opened when it can be: a service may start while its database server is away."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from typing import Self

from untilclick.search.errors import LogAwayError
from untilclick.search.log.database import parse_log_url
from untilclick.search.log.session_log import SessionLog

_log = logging.getLogger(__name__)


class LateLog:
    """Opens a session log at the first use that succeeds. Safe to share between threads."""

    def __init__(self, opener: Callable[[], SessionLog]) -> None:
        self._opener = opener
        self._log: SessionLog | None = None
        self._opening = Lock()

    @classmethod
    def at(cls, url: str) -> Self:
        """The log at an address, opened now where that is possible.

        Raises LogError where the address, the file or the schema is wrong; a server that is away, and a file that
        another program locks, are waited for.
        """
        late = cls(lambda: SessionLog.open(url, durable=True))
        try:
            late.get()
        except LogAwayError as error:
            said = str(getattr(error.__cause__, "orig", ""))
            if parse_log_url(url).drivername == "sqlite" and "locked" not in said:
                raise
            _log.warning("Starting without the session log, events wait in the spool: %s", error)
        return late

    def get(self) -> SessionLog:
        """The open log. Raises LogError where it cannot be opened; blocks as long as that takes to know."""
        with self._opening:
            if self._log is None:
                self._log = self._opener()
            return self._log

    def close(self) -> None:
        """Close it where it is open, without waiting for one that is being opened."""
        if self._log is not None:
            self._log.close()
