"""The spool of one process: its own file in a folder that it shares with other processes, and adopted files.

Files are numbered. A process takes the first file that no other process owns, with all events that still wait in it;
a service that is started again therefore continues where it ended. A file is owned while its lock is held (`filelock`
uses flock, which the kernel releases when a process ends in any way; the lock files stay). `adopt` takes all other
files that have no owner and in which events wait: those of processes that ended. What can be read of a damaged file
goes into a new file, and the damaged one is kept beside it.

The folder must be on a local disk of the host: neither locks nor SQLite's WAL work over a network.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import time
from contextlib import ExitStack, closing, suppress
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from untilclick.app.event_log.events import Event, encode, time_of
from untilclick.app.event_log.spool import (
    DamagedSpoolError,
    SpoolEntry,
    SpoolError,
    SpoolFile,
    readable_entries,
    spool_errors,
)

_log = logging.getLogger(__name__)

SET_ASIDE = "set-aside.jsonl"
"""File of events that will never be delivered: one JSON object per line, with the reason and the event as it was."""


class SpoolFullError(SpoolError):
    """The spool is full: its events reach the limit in bytes."""


class Spool:
    """Events on their way to the session log. Any thread may append and read figures; one thread does the rest."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        """Take a file in the folder, which is made if it is missing. Raises SpoolError if that fails."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._locks: dict[SpoolFile, FileLock] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SpoolError(
                f"Cannot make the spool's folder {folder} ({error.strerror}); set UNTILCLICK_SPOOL."
            ) from error
        self._file = next(file for number in count() if (file := self._take(number)))
        if self.waiting:
            _log.info("%d events wait in %s since the last start", self.waiting, self._file.path)

    @property
    def waiting(self) -> int:
        """Events that are not delivered yet."""
        return sum(file.waiting for file in self.files())

    @property
    def n_bytes(self) -> int:
        """Bytes of the waiting events."""
        return sum(file.n_bytes for file in self.files())

    @property
    def oldest(self) -> float | None:
        """When the first waiting event happened, seconds since the epoch; None if no event waits."""
        return min((file.oldest for file in self.files() if file.oldest is not None), default=None)

    def files(self) -> list[SpoolFile]:
        """The file of this process, then the adopted ones."""
        return list(self._locks)  # a copy: another thread may adopt a file meanwhile

    def append(self, event: Event) -> None:
        """Keep an event; when this returns, it outlives process and machine. Raises SpoolError if it is not kept."""
        body = encode(event)
        if self.n_bytes + len(body) > self._max_bytes:
            raise SpoolFullError(
                f"{self._folder} holds {self.n_bytes} bytes of events, which is its limit; "
                "see UNTILCLICK_SPOOL_MAX_BYTES."
            )
        self._file.append(body, time_of(event))

    def adopt(self) -> None:
        """Take the files of ended processes in which events wait, and release adopted files that are empty."""
        owned = {file.path for file in self.files()}
        for path in sorted(self._folder.glob("*.db")):
            if path.stem.isdecimal() and path not in owned:
                try:
                    self._adopt(int(path.stem))
                except SpoolError as error:  # the other files are adopted all the same
                    _log.error("A file of a process that ended cannot be taken over: %s", error)
        for file in self.files():
            if file is not self._file and not file.waiting:
                self._release(file)

    def set_aside(self, entry: SpoolEntry, reason: str) -> None:
        """Append an event that will never be delivered to SET_ASIDE; when this returns, it is on the disk."""
        line = json.dumps({"reason": reason, "event": entry.body.decode("utf-8", "replace")}) + "\n"
        try:
            with (self._folder / SET_ASIDE).open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise SpoolError(f"Cannot write {self._folder / SET_ASIDE} ({error.strerror}).") from error

    def close(self) -> None:
        """Release all files; waiting events stay in them."""
        for file in self.files():
            self._release(file)

    def _adopt(self, number: int) -> None:
        file = self._take(number)
        if file is not None and file.waiting:
            _log.warning("Taking over %d events of a process that ended: %s", file.waiting, file.path)

    def _take(self, number: int) -> SpoolFile | None:
        """Own the file of this number, or the new one that replaces a damaged one; None if a process owns it."""
        path = self._folder / f"{number}.db"
        lock = FileLock(path.with_suffix(".lock"), thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        except OSError as error:
            raise SpoolError(f"Cannot lock {path.with_suffix('.lock')} ({error.strerror}).") from error
        with ExitStack() as unless_kept:
            unless_kept.callback(lock.release)
            _finish_replacement(path)
            try:
                file = SpoolFile(path)
            except DamagedSpoolError as error:
                return self._replace(path, error)
            self._locks[file] = lock
            unless_kept.pop_all()
            return file

    def _replace(self, damaged: Path, damage: DamagedSpoolError) -> SpoolFile:
        """Move what can be read of a damaged file to a new file with the next free number.

        The damaged file stays in its place until the new one is whole: if that fails, the next start tries again.
        """
        unused = (number for number in count() if not (self._folder / f"{number}.db").exists())
        file = next(file for number in unused if (file := self._take(number)))
        aside = f"{damaged.name}.damaged-{time.time_ns()}"
        try:
            with spool_errors(damaged):
                with closing(sqlite3.connect(damaged, isolation_level=None)) as connection:
                    file.restore(readable_entries(connection))
                for suffix in ("-wal", "-shm", ""):  # the WAL first: SQLite must not apply it to a later file
                    with suppress(FileNotFoundError):
                        damaged.with_name(damaged.name + suffix).rename(damaged.with_name(aside + suffix))
        except BaseException:
            self._release(file)
            raise
        _log.error("%s Kept as %s; %d events of it are saved in %s", damage, aside, file.waiting, file.path)
        return file

    def _release(self, file: SpoolFile) -> None:
        lock = self._locks.pop(file)
        try:
            file.close()
        finally:
            lock.release()


def _finish_replacement(path: Path) -> None:
    """Put a new file in its place if version 0.1.0 ended between moving the damaged one and doing so."""
    new = path.with_name(f"{path.name}.new")
    if new.exists() and not path.exists():
        new.rename(path)
