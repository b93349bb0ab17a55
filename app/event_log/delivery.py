"""The thread that moves events from the spool to the session log. It alone waits for the database to write.

A batch is written in one transaction and then removed from the spool. If the process ends between the two, the batch
is written again at the next start, which changes nothing: ids decide what is new. While the database fails, the batch
stays in the spool and is written again, after waits that grow.

The spool keeps order, so a query is always written before its clicks. A click may still come before its query if
another process or host has the query: the click stays in the spool and is tried again, ever more rarely, until its
query is there, or until the click is too old and is set aside.

The spool's disk may fail while the database works. A file that fails keeps neither other files nor its other events
waiting. An event that is written but cannot be removed stays in the spool; this process does not write it again, and
tries again to remove it.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from time import monotonic

from untilclick.app.event_log.events import Event as SpooledEvent
from untilclick.app.event_log.events import decode
from untilclick.app.event_log.reconnecting_log import ReconnectingLog
from untilclick.app.event_log.spool import SpoolEntry, SpoolError, SpoolFile
from untilclick.app.event_log.spool_folder import Spool
from untilclick.app.observe.metrics import ClickOutcome, Metrics
from untilclick.search.errors import DataError, LogError, LogRecordError
from untilclick.search.log.live_events import LiveTurn, Written
from untilclick.search.records import Click

_log = logging.getLogger(__name__)

BATCH = 200
"""Events per transaction."""

LINGER_S = 0.1
"""Seconds that the first event waits for others, to share a transaction: it costs more than an event."""

PASS_INTERVAL_S = 1.0
"""Seconds until the next pass after an event had to stay in the spool. A pass reads the files from the start."""

MAX_PASS_INTERVAL_S = 60.0
"""The longest wait between two passes in seconds; each wait is twice the one before."""

ADOPT_S = 5.0
"""Seconds after which files of ended processes are searched again."""

MAX_WAIT_S = 5.0
"""The longest wait between two tries in seconds, while the database fails."""

SLOW_S = 2.0
"""A try that takes more seconds counts as failing."""


@dataclass(slots=True)
class _Position:
    """How far a file is delivered."""

    last_read_id: int = 0
    """Id of the last event that the present pass has read."""
    newest_id: int = 0
    """Id of the last event that any pass has read."""
    delivered: set[int] = field(default_factory=set)
    """Ids of events that are delivered or set aside, and could not be removed."""
    faulty: bool = False
    """Whether the file failed since the present pass began."""
    failing: bool = False
    """Whether the file failed in the last complete pass or since."""


class Delivery:
    """Delivers the events of a spool in a thread of its own, until it is closed."""

    def __init__(
        self, spool: Spool, log: ReconnectingLog, metrics: Metrics, patience_s: float, clock: Callable[[], float]
    ) -> None:
        """Start the thread. A click that is older than `patience_s` by `clock` no longer waits for its query."""
        self._spool = spool
        self._log = log
        self._metrics = metrics
        self._patience_s = patience_s
        self._clock = clock
        self._positions = {file: _Position() for file in spool.files()}  # replaced, never changed: threads read it
        self._adopt_at = self._pass_at = 0.0
        self._pass_interval = PASS_INTERVAL_S
        self._passed = False
        self._failures = 0  # of the database, in a row
        self._trying_since: float | None = None
        self._stop = Event()
        self._wake = Event()
        self._hurry = Event()  # a caller waits: do not linger
        self._batch_tried = Condition()
        self._thread = Thread(target=self._run, name="log-delivery", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether the last try to write failed, the present one takes long, or a file of the spool fails."""
        since = self._trying_since
        slow = since is not None and monotonic() - since > SLOW_S
        return self._failures > 0 or slow or any(position.failing for position in self._positions.values())

    def notify(self) -> None:
        """Report that the spool has a new event."""
        self._wake.set()

    def drain(self, seconds: float, *, patient: bool = True) -> bool:
        """Wait until every event is delivered; False if that takes longer than `seconds`.

        Clicks that wait for their query are tried once more, and may stay. Without `patient`, the wait also ends when
        the delivery fails.
        """
        self._passed, self._pass_at = False, 0.0
        self._hurry.set()
        self._wake.set()
        try:
            with self._batch_tried:
                self._batch_tried.wait_for(lambda: self._drained() or (self.failing and not patient), seconds)
            return self._drained()
        finally:
            self._hurry.clear()

    def close(self, seconds: float) -> bool:
        """Drain for at most `seconds`, and end the thread; False if it hangs in the database and is left behind."""
        if not self.drain(seconds) and self._spool.waiting:
            _log.warning("%d events stay in the spool until the next start", self._spool.waiting)
        self._stop.set()
        self._hurry.set()
        self._wake.set()
        self._thread.join(1.0)
        return not self._thread.is_alive()

    def _drained(self) -> bool:
        if not self._spool.waiting:
            return True
        return self._passed and all(
            position.last_read_id >= file.last_id for file, position in self._positions.items()
        )

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            more = False
            try:
                more = self._deliver_batches()
            except LogError as error:
                self._database_failed(error)
            except Exception:  # if this thread ended, no event would be delivered any more
                _log.exception("Delivery failed; it goes on")
            with self._batch_tried:
                self._batch_tried.notify_all()
            if self._failures:
                self._stop.wait(random.uniform(0.0, min(MAX_WAIT_S, 0.1 * 2 ** min(self._failures - 1, 9))))
            elif not more:
                self._wake.wait(PASS_INTERVAL_S)
                self._hurry.wait(LINGER_S)

    def _database_failed(self, error: LogError) -> None:
        self._failures += 1
        self._metrics.log_failure("deliver")
        _log.warning("The session log cannot be written (try %d), events wait: %s", self._failures, error)

    def _deliver_batches(self) -> bool:
        """Deliver one batch of every file; return whether there may be more."""
        now = monotonic()
        if now >= self._adopt_at:
            self._adopt_at = now + ADOPT_S
            try:
                self._spool.adopt()
            finally:
                self._positions = {file: self._positions.get(file, _Position()) for file in self._spool.files()}
        begins = now >= self._pass_at
        if begins:
            self._pass_interval = min(2 * self._pass_interval, MAX_PASS_INTERVAL_S)
            self._pass_at = now + self._pass_interval
            for position in self._positions.values():
                position.last_read_id, position.faulty = 0, False
        more = any([self._deliver_batch(file) for file in self._positions])  # a list: every file has its turn
        self._passed = self._passed or begins
        return more

    def _deliver_batch(self, file: SpoolFile) -> bool:
        position = self._positions[file]
        more = False
        with self._guarded(file):
            file.tidy()
        with self._guarded(file):
            more = self._deliver_next(file, position)
        if not more:
            position.failing = position.faulty
        return more

    @contextmanager
    def _guarded(self, file: SpoolFile) -> Iterator[None]:
        """Count a failure of the file, log the first in a row, and go on. A failure of the session log is raised."""
        try:
            yield
        except LogError:
            raise
        except Exception as error:
            self._metrics.log_failure("spool")
            position = self._positions[file]
            if not position.failing:
                unforeseen = None if isinstance(error, SpoolError) else error
                _log.error("%s fails and is tried again: %s", file.path, error, exc_info=unforeseen)
                self._pass_soon()
            position.faulty = position.failing = True

    def _pass_soon(self) -> None:
        self._pass_interval = PASS_INTERVAL_S
        self._pass_at = min(self._pass_at, monotonic() + PASS_INTERVAL_S)

    def _deliver_next(self, file: SpoolFile, position: _Position) -> bool:
        entries = file.read(position.last_read_id, BATCH)
        if entries:
            delivered = [entry for entry in entries if entry.event_id in position.delivered]
            waiting = [entry for entry in entries if entry.event_id not in position.delivered]
            self._forget(file, delivered)
            self._deliver(file, self._decoded(file, waiting))
            position.last_read_id = entries[-1].event_id
            position.newest_id = max(position.newest_id, position.last_read_id)
        return len(entries) == BATCH

    def _decoded(self, file: SpoolFile, entries: Sequence[SpoolEntry]) -> dict[SpoolEntry, SpooledEvent]:
        """The events of these entries. Damaged entries are dropped, and entries of an unknown kind are set aside."""
        damaged = [entry for entry in entries if not entry.intact]
        if damaged:
            _log.error("%s: dropped %d events whose checksum does not match", file.path, len(damaged))
            self._forget(file, damaged)
        events: dict[SpoolEntry, SpooledEvent] = {}
        for entry in entries:
            try:
                if entry.intact:
                    events[entry] = decode(entry.body)
            except DataError as error:
                self._set_aside(file, entry, str(error))
        return events

    def _deliver(self, file: SpoolFile, events: Mapping[SpoolEntry, SpooledEvent]) -> None:
        if not events:
            return
        try:
            written = self._write(events.values())
        except LogRecordError as error:
            if len(events) == 1:
                self._set_aside(file, next(iter(events)), str(error))
            else:
                for entry, event in events.items():  # one by one, to find the event at fault
                    self._deliver(file, {entry: event})
            return
        self._settle(file, events, written)

    def _write(self, events: Collection[SpooledEvent]) -> Written:
        turns = [event for event in events if isinstance(event, LiveTurn)]
        clicks = [event for event in events if isinstance(event, Click)]
        self._trying_since = monotonic()
        try:
            written = self._log.get().append_events(turns, clicks)
        finally:
            self._trying_since = None
        if self._failures:
            _log.warning("The session log can be written again; %d events wait", self._spool.waiting)
        self._failures = 0
        return written

    def _settle(self, file: SpoolFile, events: Mapping[SpoolEntry, SpooledEvent], written: Written) -> None:
        """Remove the written events. A click without its query stays; if it has waited too long, it is set aside."""
        early = set(written.early_clicks)
        delivered = []
        for entry, event in events.items():
            if event not in early:
                delivered.append(entry)
            elif self._clock() - entry.time > self._patience_s:
                self._set_aside(file, entry, "The log does not hold the query of this click.")
            elif entry.event_id > self._positions[file].newest_id:
                self._pass_soon()
        self._forget(file, delivered)
        self._metrics.delivered(len(delivered))
        self._metrics.click(ClickOutcome.RECORDED, written.new_clicks)
        self._metrics.click(ClickOutcome.REPEATED, written.repeated_clicks)

    def _set_aside(self, file: SpoolFile, entry: SpoolEntry, reason: str) -> None:
        """Set an event aside and remove it; if that fails, it is tried again in a later pass."""
        with self._guarded(file):
            self._spool.set_aside(entry, reason)
            self._metrics.set_aside()
            _log.error("An event will never be in the session log and was set aside: %s", reason)
            self._forget(file, [entry])

    def _forget(self, file: SpoolFile, entries: Sequence[SpoolEntry]) -> None:
        """Remove events that are delivered or set aside; if that fails, it is tried again in a later pass."""
        if not entries:
            return
        ids = {entry.event_id for entry in entries}
        delivered = self._positions[file].delivered
        delivered |= ids
        with self._guarded(file):
            file.remove(entries)
            delivered -= ids
