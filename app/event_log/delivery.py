"""The thread that carries events from the spool to the session log. It alone waits for the database to write.

A batch is written in one transaction and removed from the spool after it. Where the process ends between the two, the
batch is written again at the next start and changes nothing, since ids decide what is new. While the database cannot
be used the same batch is tried again after waits that grow (`tenacity`); the spool keeps order, so a turn is always
written before its clicks. A click may still come before its turn where another process or host has the turn: it stays
in the spool and is looked at again, ever more rarely, until its turn is there, or until it is too old and set aside.

The spool's disk may fail while the database is well. A file that cannot be read keeps no other one waiting. What is
written and cannot be removed stays in the spool, and a later look removes it; this process does not write it again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from time import monotonic

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_not_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

from untilclick.app.event_log.events import decode
from untilclick.app.event_log.reconnecting_log import LateLog
from untilclick.app.event_log.spool import Entry, SpoolError, SpoolFile
from untilclick.app.event_log.spool_folder import Spool
from untilclick.app.observe.metrics import ClickOutcome, Metrics
from untilclick.search.errors import DataError, LogError, LogRecordError
from untilclick.search.log.live_events import LiveTurn, Written
from untilclick.search.records import Click

_log = logging.getLogger(__name__)

BATCH = 200
"""Events per transaction."""

LINGER_S = 0.1
"""How long the first event waits for others, to be written with them: a transaction costs more than an event."""

LOOK_AGAIN_S = 1.0
"""Until the second look at a click that came before its turn."""

MAX_LOOK_AGAIN_S = 60.0
"""The longest wait between looks, each twice the one before."""

ADOPT_S = 5.0
"""Between looks for files of processes that ended."""

MAX_WAIT_S = 5.0
"""The longest wait between tries while the database is away."""

SLOW_S = 2.0
"""A try that takes longer counts as failing."""

TELL_AGAIN_S = 60.0
"""Between lines in the process's log about a file that goes on failing."""


@dataclass(frozen=True, slots=True)
class _Batch:
    """Decoded events of one read."""

    entries: Sequence[Entry]
    turns: Sequence[LiveTurn]
    clicks: Sequence[Click]


@dataclass(slots=True)
class _Progress:
    """How far a file is delivered."""

    seen: int = 0
    """Id of the last event that was looked at."""
    early: set[int] = field(default_factory=set)
    """Ids of clicks that wait for their turn."""
    done: set[int] = field(default_factory=set)
    """Ids of events that need nothing but to be removed, which failed."""
    faulty: bool = False
    """Whether the file failed since the last look began."""
    failing: bool = False
    """Whether it failed in the last look that came to its end, or since."""
    told_at: float = -math.inf
    """When the process's log was last told, by `monotonic`."""


class Delivery:
    """Delivers until it is closed."""

    def __init__(
        self, spool: Spool, log: LateLog, metrics: Metrics, patience_s: float, clock: Callable[[], float]
    ) -> None:
        """Begin. `patience_s` is how old a click may become before its turn is there, by `clock`."""
        self._spool = spool
        self._log = log
        self._metrics = metrics
        self._patience_s = patience_s
        self._clock = clock
        self._files: dict[SpoolFile, _Progress] = {}
        self._look_again = self._adopt_again = 0.0
        self._between_looks = LOOK_AGAIN_S
        self._looked = False
        self._failed_last = False
        self._trying_since: float | None = None
        self._stop = Event()
        self._wake = Event()
        self._hurry = Event()  # somebody waits
        self._passed = Condition()
        self._thread = Thread(target=self._run, name="log-delivery", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether the last try failed, the present one takes long, or a file of the spool fails."""
        since = self._trying_since
        slow = since is not None and monotonic() - since > SLOW_S
        return self._failed_last or slow or any(each.failing for each in self._progresses())

    def notify(self) -> None:
        """Say that the spool has a new event."""
        self._wake.set()

    def drain(self, seconds: float, *, patient: bool = True) -> bool:
        """Wait until all is delivered, clicks that wait for their turn excepted, which are looked at once more; False
        where that takes longer, or (not `patient`) where the log fails meanwhile."""
        self._looked, self._look_again = False, 0.0
        self._hurry.set()
        self._wake.set()
        try:
            with self._passed:
                self._passed.wait_for(lambda: self._drained() or (self.failing and not patient), seconds)
            return self._drained()
        finally:
            self._hurry.clear()

    def close(self, seconds: float) -> bool:
        """Drain, and end the thread; False where it hangs in the database and is left behind."""
        if not self.drain(seconds) and self._spool.waiting:
            _log.warning("%d events stay in the spool until the next start", self._spool.waiting)
        self._stop.set()
        self._hurry.set()
        self._wake.set()
        self._thread.join(1.0)
        return not self._thread.is_alive()

    def _drained(self) -> bool:
        if not self._looked and any(each.early or each.done for each in self._progresses()):
            return False
        return all(file.waiting <= self._kept(file) for file in self._spool.files())

    def _progresses(self) -> list[_Progress]:
        return list(self._files.values())  # a copy: the thread may be changing it

    def _kept(self, file: SpoolFile) -> int:
        progress = self._files.get(file)
        return 0 if progress is None else len(progress.early) + len(progress.done)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                more = self._pass()
            except LogError as error:  # only when told to stop: everything else is tried again
                _log.warning("The session log was away to the end: %s", error)
                return
            except Exception:  # a thread that dies loses nothing now, and everything later
                _log.exception("Delivery failed; it goes on")
                self._failed_last, more = True, False
            with self._passed:
                self._passed.notify_all()
            if not more:
                self._wake.wait(LOOK_AGAIN_S)
                self._hurry.wait(LINGER_S)

    def _pass(self) -> bool:
        """Deliver one batch of every file; whether there is more."""
        now = monotonic()
        if now >= self._adopt_again:
            self._adopt_again = now + ADOPT_S
            self._adopt()
        look = now >= self._look_again
        if look:
            self._between_looks = min(2 * self._between_looks, MAX_LOOK_AGAIN_S)
            self._look_again = now + self._between_looks
            for progress in self._files.values():
                progress.seen, progress.faulty = 0, False
        more = any([self._pass_file(file) for file in self._spool.files()])  # all of them, hence a list
        self._looked = self._looked or look
        return more

    def _adopt(self) -> None:
        try:
            self._spool.adopt()
        except SpoolError as error:
            _log.warning("Files of processes that ended cannot be taken over: %s", error)
        held = self._spool.files()
        self._files = {file: progress for file, progress in self._files.items() if file in held}

    def _pass_file(self, file: SpoolFile) -> bool:
        """Deliver one batch of a file, whose faults are its own; whether there is more."""
        progress = self._files.setdefault(file, _Progress())
        try:
            more = self._deliver_next(file, progress)
        except LogError:
            raise
        except Exception as error:
            self._file_failed(file, error)
            more = False
        self._tidy(file)
        if not more:
            progress.failing = progress.faulty
        return more

    def _deliver_next(self, file: SpoolFile, progress: _Progress) -> bool:
        entries = file.read(progress.seen, BATCH)
        if entries:
            done = [entry for entry in entries if entry.event_id in progress.done]
            new = [entry for entry in entries if entry.event_id not in progress.done]
            self._forget(file, done)
            self._deliver(file, new)
            progress.seen = entries[-1].event_id
        return len(entries) == BATCH

    def _tidy(self, file: SpoolFile) -> None:
        try:
            file.tidy()
        except SpoolError as error:
            self._file_failed(file, error)

    def _file_failed(self, file: SpoolFile, error: Exception) -> None:
        """Count it, say it now and then, and look again soon where the file was well so far."""
        self._metrics.log_failure("spool")
        progress = self._files.setdefault(file, _Progress())
        if not progress.failing:
            self._look_soon()
        progress.faulty = progress.failing = True
        if monotonic() - progress.told_at >= TELL_AGAIN_S:
            progress.told_at = monotonic()
            unforeseen = None if isinstance(error, SpoolError) else error
            _log.error("%s fails and is tried again; other files go on: %s", file.path, error, exc_info=unforeseen)

    def _look_soon(self) -> None:
        self._between_looks = LOOK_AGAIN_S
        self._look_again = min(self._look_again, monotonic() + LOOK_AGAIN_S)

    def _deliver(self, file: SpoolFile, entries: Sequence[Entry]) -> None:
        batch = self._decoded(file, entries)
        if not batch.entries:
            return
        try:
            written = self._written(batch)
        except LogRecordError as error:
            if len(batch.entries) > 1:
                for entry in batch.entries:  # to find the one at fault
                    self._deliver(file, [entry])
            else:
                self._set_aside(file, batch.entries[0], str(error))
            return
        self._settle(file, batch, written)

    def _decoded(self, file: SpoolFile, entries: Sequence[Entry]) -> _Batch:
        """The events, without those that cannot be read, which are set aside."""
        turns: list[LiveTurn] = []
        clicks: list[Click] = []
        readable = []
        for entry in entries:
            try:
                event = decode(entry.body)
            except DataError as error:
                self._set_aside(file, entry, str(error))
                continue
            readable.append(entry)
            if isinstance(event, LiveTurn):
                turns.append(event)
            else:
                clicks.append(event)
        return _Batch(readable, turns, clicks)

    def _written(self, batch: _Batch) -> Written:
        """Write until it is done. Raises LogRecordError at once, and any other LogError when told to stop."""
        retrying = Retrying(
            retry=retry_if_not_exception_type(LogRecordError),
            wait=wait_random_exponential(multiplier=0.1, max=MAX_WAIT_S),
            stop=stop_when_event_set(self._stop),
            sleep=sleep_using_event(self._stop),
            before_sleep=self._failed,
            reraise=True,
        )
        written: Written = retrying(self._try, batch)
        if self._failed_last:
            _log.warning("The session log can be written again; %d events wait", self._spool.waiting)
        self._failed_last = False
        return written

    def _try(self, batch: _Batch) -> Written:
        self._trying_since = monotonic()
        try:
            return self._log.get().append_events(batch.turns, batch.clicks)
        finally:
            self._trying_since = None

    def _failed(self, state: RetryCallState) -> None:
        self._failed_last = True
        self._metrics.log_failure("deliver")
        error = state.outcome.exception() if state.outcome else None
        _log.warning("The session log cannot be written (try %d), events wait: %s", state.attempt_number, error)
        for file in self._spool.files():
            self._tidy(file)
        with self._passed:
            self._passed.notify_all()

    def _settle(self, file: SpoolFile, batch: _Batch, written: Written) -> None:
        """Remove what is written, keep clicks that came before their turn, and set aside those that wait too long."""
        early = set(written.early_clicks)
        kept = self._files[file].early
        done = []
        for entry in batch.entries:
            if not early or decode(entry.body) not in early:
                done.append(entry)
                kept.discard(entry.event_id)
            elif self._clock() - entry.time > self._patience_s:
                kept.discard(entry.event_id)
                self._set_aside(file, entry, "There is no query of this click in the log.")
            elif entry.event_id not in kept:
                kept.add(entry.event_id)
                self._look_soon()
        self._forget(file, done)
        self._metrics.delivered(len(done))
        self._metrics.click(ClickOutcome.RECORDED, written.new_clicks)
        self._metrics.click(ClickOutcome.REPEATED, written.repeated_clicks)

    def _set_aside(self, file: SpoolFile, entry: Entry, reason: str) -> None:
        try:
            self._spool.set_aside(entry, reason)
        except SpoolError as error:  # a later look sets it aside
            self._file_failed(file, error)
            return
        self._metrics.set_aside()
        _log.error("An event will never be in the session log and was set aside: %s", reason)
        self._forget(file, [entry])

    def _forget(self, file: SpoolFile, entries: Sequence[Entry]) -> None:
        """Remove events that are delivered or set aside; where that fails, a later look tries it again."""
        if not entries:
            return
        done = self._files[file].done
        ids = {entry.event_id for entry in entries}
        done -= ids  # before they are gone from the file: whoever waits must not count them twice
        try:
            file.remove(entries)
        except SpoolError as error:
            done |= ids
            self._file_failed(file, error)
