"""The session log as the service uses it: no request waits for the database, and no event that was taken is lost.

How an event travels:

 1. A search or an accepted click becomes an event, a `LiveTurn` or a `Click`.
 2. `EventLog` remembers the query of a search (`recent_sessions.py`) and hands the event to `Spool.append`.
 3. The spool encodes it as JSON (`events.py`), and refuses it if the waiting events have reached the limit in bytes.
 4. `SpoolFile.append` writes it into the process's own file, together with the events of other threads, and syncs.
 5. The request is answered. From now on the event outlives the process and a power failure of the machine.
 6. The thread of `Delivery` reads a batch of events from the file and decodes them.
 7. It writes the batch into the session log in one transaction. If that fails, it waits and goes back to line 6.
 8. The log skips every event whose id it has: an event that comes twice changes nothing.
 9. The thread removes the batch from the file. A click stays as long as its query is not in the log.
10. If the process ends anywhere between, the next process that takes the file continues at line 6.

An event that the log can never hold goes to the file `set-aside.jsonl`. What a session asked before is read from the
database within a small budget and merged with what this process remembers, since the database may lag or be away.
Failures are logged and counted here and in `delivery.py`; only a request for figures of the log raises them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Self, TypeVar

from untilclick.app.event_log.bounded_reads import BoundedReads
from untilclick.app.event_log.delivery import Delivery
from untilclick.app.event_log.events import Event
from untilclick.app.event_log.recent_sessions import RecentSessions, merged
from untilclick.app.event_log.reconnecting_log import ReconnectingLog
from untilclick.app.event_log.spool import SpoolError
from untilclick.app.event_log.spool_folder import Spool
from untilclick.app.observe.metrics import ClickOutcome, Metrics
from untilclick.app.versions.store import Experiment
from untilclick.search.errors import LogError
from untilclick.search.log.live_events import LiveTurn, PastQuery
from untilclick.search.log.stats import LogStats
from untilclick.search.measures.interleaving import Credits
from untilclick.search.records import Click, Source, Turn

_log = logging.getLogger(__name__)

T = TypeVar("T")

READS_AT_ONCE = 4
"""Reads of histories that may run, or hang, at the same time."""

STATS_S = 5.0
"""Seconds that figures of the log may take; ANSWERS_S while the log fails."""

ANSWERS_S = 1.0
"""Seconds that the check whether the log answers may take."""

PAUSE_S = 1.0
"""Seconds without reads of histories, after FAILURES reads in a row that failed or were too slow."""

FAILURES = 3


@dataclass(frozen=True, slots=True)
class LogLimits:
    """Bytes and times that the log may use."""

    max_spool_bytes: int = 268_435_456
    """Bytes of events that may wait in the spool; further events are refused."""
    history_budget_ms: float = 25.0
    """Milliseconds that reading the earlier queries of a session may take."""
    drain_s: float = 5.0
    """Seconds that `close` delivers waiting events."""
    click_patience_s: float = 86_400.0
    """Seconds after which a click whose query is not in the log is set aside."""
    fresh_s: float = 1.0
    """Seconds that figures wait for events on their way."""


class EventLog:
    """A session log that counts its failures instead of raising them; only figures of the log raise LogError."""

    def __init__(
        self,
        log: ReconnectingLog,
        spool: Spool,
        metrics: Metrics,
        limits: LogLimits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Start to deliver events. `close` closes `log` and `spool` too."""
        self._log = log
        self._spool = spool
        self._metrics = metrics
        self._limits = limits or LogLimits()
        self._reads = BoundedReads(READS_AT_ONCE)
        self._figures = BoundedReads(1)
        self._failures = 0
        self._paused_until = 0.0
        self._recent = RecentSessions()
        self._delivery = Delivery(spool, log, metrics, self._limits.click_patience_s, clock)
        metrics.watch_spool(
            lambda: spool.waiting,
            lambda: _age(spool, clock),
            lambda: spool.n_bytes / self._limits.max_spool_bytes,
        )

    @classmethod
    def open(cls, url: str, folder: Path, metrics: Metrics, limits: LogLimits | None = None) -> Self:
        """Open the log at an address, and its spool in a folder. Raises LogError or SpoolError if that fails."""
        chosen = limits or LogLimits()
        log = ReconnectingLog.at(url)
        try:
            spool = Spool(folder, chosen.max_spool_bytes)
        except BaseException:
            log.close()
            raise
        return cls(log, spool, metrics, chosen)

    def history(self, session_id: str) -> tuple[str, ...]:
        """The queries of a session so far, oldest first, from the log and from this process; empty for a new session.

        If the log fails or takes longer than its budget, only the queries of this process.
        """
        queries = merged(self._logged(session_id), self._recent.queries(session_id))
        return tuple(past.query for past in queries)

    def turn(self, session_id: str, turn: Turn, client_id: str | None) -> bool:
        """Take a query of a live session; False if the spool refuses it, and it will not be in the log."""
        self._recent.remember(session_id, PastQuery(turn.query_id, turn.step, turn.time, turn.query))
        return self._take(LiveTurn(session_id, turn, client_id))

    def click(self, click: Click) -> bool:
        """Take a click; False if the spool refuses it. Its delivery counts it as new or repeated."""
        accepted = self._take(click)
        if not accepted:
            self._metrics.click(ClickOutcome.UNLOGGED)
        return accepted

    def stats(self, source: Source | None) -> LogStats:
        """Figures of the log, after waiting a moment for events on their way. Raises LogError if the log fails."""
        return self._fresh(lambda: self._log.get().stats(source))

    def credits(self, experiment: Experiment) -> list[Credits]:
        """The clicks credited to both sides by each visitor: `SessionLog.credits`, read as `stats` is."""
        return self._fresh(lambda: self._log.get().credits(experiment.name, experiment.versions, experiment.started))

    def answers(self) -> bool:
        """Whether the log can be read and written now."""
        return self._readable() and not self._delivery.failing

    def drain(self, seconds: float) -> bool:
        """Wait until every event that was taken is in the log; False if that takes longer than `seconds`."""
        return self._delivery.drain(seconds)

    def close(self) -> None:
        """Deliver waiting events for `drain_s` seconds, and close the log. Other events wait for the next start."""
        if self._delivery.close(self._limits.drain_s):
            self._spool.close()
        self._log.close()

    def _fresh(self, read: Callable[[], T]) -> T:
        failing = self._delivery.failing
        if not failing:
            self._delivery.drain(self._limits.fresh_s, patient=False)
        return self._figures.read(read, ANSWERS_S if failing else STATS_S)

    def _logged(self, session_id: str) -> tuple[PastQuery, ...]:
        if monotonic() < self._paused_until:
            return ()
        try:
            queries = self._reads.read(
                lambda: self._log.get().past_queries(session_id), self._limits.history_budget_ms / 1000
            )
        except LogError as error:
            self._failures += 1
            if self._failures >= FAILURES:
                self._paused_until = monotonic() + PAUSE_S
            self._read_failed(error)
            return ()
        self._failures = 0
        return queries

    def _readable(self) -> bool:
        try:
            return self._reads.read(lambda: self._log.get().n_turns("") == 0, ANSWERS_S)
        except LogError as error:
            self._read_failed(error)
            return False

    def _read_failed(self, error: LogError) -> None:
        _log.warning("The session log cannot be read: %s", error)
        self._metrics.log_failure("read")

    def _take(self, event: Event) -> bool:
        try:
            self._spool.append(event)
        except SpoolError as error:
            _log.warning("An event is not kept: %s", error)
            self._metrics.refused()
            return False
        self._delivery.notify()
        return True


def _age(spool: Spool, clock: Callable[[], float]) -> float:
    """Seconds since the first waiting event happened; 0 if no event waits."""
    oldest = spool.oldest
    return 0.0 if oldest is None else max(0.0, clock() - oldest)
