"""The session log as the service uses it: no request waits for the database, and no event that was taken is lost.

Queries and clicks are on the disk of the host (`spool.py`) before they are answered, and in the database soon after
(`delivery.py`). What a session asked before is read from the database within a small budget, together with what this
process remembers (`recent_sessions.py`), since the database may lag or be away. What fails is logged and counted here
and in `delivery.py`, and raised only where figures of the log are asked for.
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
from untilclick.app.event_log.reconnecting_log import LateLog
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
STATS_S = 5.0
"""How long figures may take; ANSWERS_S while the log is failing, for they take a place from searches."""

ANSWERS_S = 1.0
"""How long the question whether the log answers may take."""

PAUSE_S = 1.0
"""For how long the database is not asked for histories after FAILURES times in a row it was too slow or failed."""

FAILURES = 3


@dataclass(frozen=True, slots=True)
class LogLimits:
    """What the log is granted."""

    max_spool_bytes: int = 268_435_456
    history_budget_ms: float = 25.0
    drain_s: float = 5.0
    click_patience_s: float = 86_400.0
    fresh_s: float = 1.0
    """How long figures wait for events that are on their way."""


class SoftLog:
    """A session log whose failures are counted instead of raised, except where figures of the log are asked for."""

    def __init__(
        self,
        log: LateLog,
        spool: Spool,
        metrics: Metrics,
        limits: LogLimits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Deliver from now on. Log and spool are closed by `close`."""
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
        """The log at an address with its spool in a folder. Raises LogError and SpoolError where that cannot be."""
        chosen = limits or LogLimits()
        log = LateLog.at(url)
        try:
            spool = Spool(folder, chosen.max_spool_bytes)
        except BaseException:
            log.close()
            raise
        return cls(log, spool, metrics, chosen)

    def history(self, session_id: str) -> tuple[str, ...]:
        """The queries of a session so far, oldest first: those that the log gives in time, and those of this process.

        Empty for a new session.
        """
        return tuple(each.query for each in merged(self._logged(session_id), self._recent.queries(session_id)))

    def turn(self, session_id: str, turn: Turn, client_id: str | None) -> bool:
        """Take a query of a live session; False where it is refused, and will not be in the log."""
        self._recent.remember(session_id, PastQuery(turn.query_id, turn.step, turn.time, turn.query))
        return self._take(LiveTurn(session_id, turn, client_id))

    def click(self, click: Click) -> bool:
        """Take a click; False where it is refused. Whether it is new is counted when it is delivered."""
        taken = self._take(click)
        if not taken:
            self._metrics.click(ClickOutcome.UNLOGGED)
        return taken

    def stats(self, source: Source | None) -> LogStats:
        """Figures of the log, with what is on its way unless that takes long. Raises LogError where the log fails."""
        return self._fresh(lambda: self._log.get().stats(source))

    def credits(self, experiment: Experiment) -> list[Credits]:
        """See `SessionLog.credits`, and `stats`."""
        named = (experiment.name, experiment.versions, experiment.started)
        return self._fresh(lambda: self._log.get().credits(*named))

    def answers(self) -> bool:
        """Whether the log can be read and written at this moment."""
        return self._readable() and not self._delivery.failing

    def drain(self, seconds: float) -> bool:
        """Wait until all that was taken is in the log; False where that takes longer."""
        return self._delivery.drain(seconds)

    def close(self) -> None:
        """Deliver what waits, for as long as is granted, and close the log. What is left waits for the next start."""
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
