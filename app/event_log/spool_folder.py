"""The spool of one process in a folder that it shares: a file of its own, and those of processes that ended.

Files are numbered. A process takes the first one that nobody holds, with all that still waits in it, so that a
service that is started again goes on where it ended. Held is what is locked (`filelock`: flock, which the kernel lets
go when a process ends in any way; the lock files stay). `adopt` takes the others that nobody holds and where
something waits.

The folder must be on a disk of the host's own: locks and SQLite's WAL do not reach over a network.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from threading import Lock

from filelock import FileLock, Timeout

from untilclick.app.event_log.events import Event, encode, time_of
from untilclick.app.event_log.spool import Entry, SpoolError, SpoolFile

_log = logging.getLogger(__name__)

SET_ASIDE = "set-aside.jsonl"
"""What will never be delivered: one JSON object a line, with the reason and the event as it was."""


class SpoolFullError(SpoolError):
    """The spool holds as many bytes as it may."""


class Spool:
    """Events on their way to the log. Any thread may append and look; one thread does everything else."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Take a file in the folder, which is made where it is missing. Raises SpoolError where that fails."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._adopted: dict[int, _Held] = {}
        self._changing = Lock()  # of the list of files; appending takes it, so nobody asks SQLite while holding it
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpoolError(
                f"Cannot make the spool's folder {folder} ({error.strerror}); set UNTILCLICK_SPOOL."
            ) from error
        self._number, self._own = next((n, held) for n in count() if (held := _Held.take(folder, n)))
        if self.waiting:
            _log.info("%d events wait in %s since the last start", self.waiting, self._own.file.path)

    @property
    def waiting(self) -> int:
        """Events that are not delivered yet."""
        return sum(file.waiting for file in self.files())

    @property
    def n_bytes(self) -> int:
        """Bytes of the events that wait."""
        return sum(file.n_bytes for file in self.files())

    def files(self) -> list[SpoolFile]:
        """The file of this process first, then the adopted ones."""
        with self._changing:
            return [self._own.file, *(held.file for held in self._adopted.values())]

    def oldest(self) -> float | None:
        """When the first waiting event happened, seconds since the epoch; None where none waits."""
        return min((time for file in self.files() if (time := file.oldest()) is not None), default=None)

    def append(self, event: Event) -> None:
        """Keep an event; on return it outlives process and machine. Raises SpoolError where it is not kept."""
        body = encode(event)
        if self.n_bytes + len(body) > self._max_bytes:
            raise SpoolFullError(f"{self._folder} holds {self.n_bytes} bytes of events, as many as it may.")
        self._own.file.append(body, time_of(event))

    def adopt(self) -> None:
        """Take the files of ended processes where something waits, and let go of adopted ones where nothing does."""
        for number in self._numbers():
            if number == self._number:
                continue
            held = self._adopted.get(number)
            if held is None:
                try:
                    self._take_over(number)
                except SpoolError as error:  # one file must not keep the others
                    _log.error("A file of a process that ended cannot be taken over: %s", error)
            elif not held.file.waiting:
                with self._changing:
                    del self._adopted[number]
                held.let_go()

    def set_aside(self, entry: Entry, reason: str) -> None:
        """Move what will never be delivered to the file SET_ASIDE; it is not forgotten before it is there."""
        line = json.dumps({"reason": reason, "event": entry.body.decode("utf-8", "replace")}) + "\n"
        try:
            with (self._folder / SET_ASIDE).open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SpoolError(f"Cannot write {self._folder / SET_ASIDE} ({error.strerror}).") from error

    def close(self) -> None:
        """Let go of all files; what waits stays in them."""
        with self._changing:
            held, self._adopted = [self._own, *self._adopted.values()], {}
        for each in held:
            each.let_go()

    def _numbers(self) -> Iterator[int]:
        yield from sorted(int(path.stem) for path in self._folder.glob("*.db") if path.stem.isdecimal())

    def _take_over(self, number: int) -> None:
        held = _Held.take(self._folder, number)
        if held is None:
            return
        if not held.file.waiting:
            held.let_go()
            return
        _log.warning("Taking over %d events of a process that ended: %s", held.file.waiting, held.file.path)
        with self._changing:
            self._adopted[number] = held


class _Held:
    """A file with the lock on it."""

    def __init__(self, lock: FileLock, file: SpoolFile) -> None:
        self._lock = lock
        self.file = file

    @classmethod
    def take(cls, folder: Path, number: int) -> _Held | None:
        """The file of this number; None where another process holds it."""
        lock = FileLock(folder / f"{number}.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        except OSError as error:
            raise SpoolError(f"Cannot lock {folder / str(number)}.lock ({error.strerror}).") from error
        try:
            return cls(lock, SpoolFile(folder / f"{number}.db"))
        except BaseException:
            lock.release()
            raise

    def let_go(self) -> None:
        """Close the file, then unlock it."""
        try:
            self.file.close()
        finally:
            self._lock.release()
