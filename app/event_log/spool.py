"""A file of events on their way to the session log: `append` returns when the event is on the disk.

The file is a SQLite database in WAL mode with `synchronous = FULL`. SQLite knows by its checksums what a crash left
half-written in the WAL and drops it when the file is opened; it was never answered. SQLite does not check the pages
of its main file, so every event carries a CRC-32 of its own, and one that does not match is dropped. Both leave a
line in the process's log.

Not taken: a file of our own, one line per event. Both pay one sync per commit; the line takes about half the time of
SQLite's pages, 0.2 against 0.4 ms in the median (`benchmarks/bench_spool.py`). For that it would need segments, a way
back from a full disk and a recovery of its own, all of which SQLite has and tests. Neither `persist-queue`: its file
queue calls fsync when a chunk is full, its SQLite queue commits item by item.

Requests that come while another is being written are written together, by the first of them that is free: however
many there are, a disk that syncs in a millisecond makes none wait for more than two of them.

Three connections: one appends, one reads and removes, one tells the age of the first event. Removing is not synced:
events that come back after a power failure are delivered again, which changes nothing. Checkpoints are the second
connection's, and are asked for by `tidy`, so that no request pays for them; the third is there so that who asks for
the age does not either.

A file that SQLite finds damaged when it is opened is read row by row, and rows whose checksum matches go into a new
one.
"""

from __future__ import annotations

import logging
import sqlite3
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Condition, Lock
from typing import NamedTuple

from untilclick.app.event_log.damaged_spool import readable_rows
from untilclick.search.errors import UntilclickError

_log = logging.getLogger(__name__)

VERSION = 1
"""Of the file's format, in its `user_version`."""

BUSY_TIMEOUT_S = 10.0
CHECKPOINT_COMMITS = 300
"""Commits, of events or of removals, between checkpoints; each puts two or three pages of 4 KiB into the WAL."""

FREE_PAGES = 256
"""Unused pages that an empty file may keep."""

_CREATE = """
CREATE TABLE IF NOT EXISTS events (
    event_id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    crc INTEGER NOT NULL,
    body BLOB NOT NULL
)
"""


class SpoolError(UntilclickError):
    """A spool that cannot take or give events."""


class Entry(NamedTuple):
    """One event that waits."""

    event_id: int
    time: float
    """When it happened, seconds since the epoch."""
    body: bytes


class SpoolFile:
    """One file of events. Threads may append at once; one thread reads and removes. One process at a time.

    Every method raises SpoolError when the file or its disk cannot do what was asked.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        A file that is no spool, or was damaged, is renamed; what can be read of it is in the new one.
        """
        self.path = path
        with _spool_errors(path):
            self._appender = _open(path)
            self._reader = sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            for pragma in ("synchronous = NORMAL", "wal_autocheckpoint = 0"):
                self._reader.execute(f"PRAGMA {pragma}").fetchall()
            self._looker = sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            query = "SELECT count(*), coalesce(sum(length(body)), 0), coalesce(max(event_id), 0) FROM events"
            counted = self._reader.execute(query).fetchone()
        self._last_id: int = counted[2]  # no id comes twice: readers go on after the last one they saw
        self.waiting: int = counted[0]
        """Events in the file."""
        self.n_bytes: int = counted[1]
        """Bytes of these events."""
        self.commits = 0
        """Transactions that have appended."""
        self._removals = 0
        self._changes_in_file = 0
        self._closed = False
        self._turnstile = Condition()
        self._pending: list[_Pending] = []
        self._writing = False
        self._file = Lock()  # one writer at a time: SQLite itself would make the second one sleep and try again
        self._reading = Lock()
        self._looking = Lock()

    def append(self, body: bytes, time: float) -> None:
        """Keep an event; on return it outlives process and machine."""
        mine = _Pending((time, zlib.crc32(body), body))
        with self._turnstile:
            self._pending.append(mine)
            self._turnstile.wait_for(lambda: mine.settled or not self._writing)
            if not mine.settled:
                self._writing = True
                batch, self._pending = self._pending, []
        if not mine.settled:
            self._write(batch)
        if mine.error is not None:
            raise mine.error

    def read(self, after: int, n: int) -> list[Entry]:
        """At most `n` events, oldest first, whose id is above `after`; ids are above 0. Damaged ones are dropped,
        and stay in the file only where it cannot forget them now."""
        query = "SELECT event_id, time, body, crc FROM events WHERE event_id > ? ORDER BY event_id LIMIT ?"
        with _spool_errors(self.path), self._reading:
            rows = self._reader.execute(query, (after, n)).fetchall()
        damaged = [Entry(*row[:3]) for row in rows if zlib.crc32(row[2]) != row[3]]
        if damaged:
            _log.error("%s: dropped %d events whose checksum does not match", self.path, len(damaged))
            with suppress(SpoolError):  # a full disk must not keep the others
                self.remove(damaged)
            if len(damaged) == len(rows):
                return self.read(rows[-1][0], n)
        return [Entry(*row[:3]) for row in rows if zlib.crc32(row[2]) == row[3]]

    def remove(self, entries: Sequence[Entry]) -> None:
        """Forget events that `read` gave."""
        with _spool_errors(self.path), self._reading, self._file, _transaction(self._reader):
            self._reader.executemany("DELETE FROM events WHERE event_id = ?", [(each.event_id,) for each in entries])
        with self._turnstile:
            self._removals += 1
            self.waiting -= len(entries)
            self.n_bytes -= sum(len(each.body) for each in entries)

    def oldest(self) -> float | None:
        """The time of the first event; None without events, and when the file is closed. Waits for no checkpoint."""
        with _spool_errors(self.path), self._looking:
            if self._closed:
                return None
            row = self._looker.execute("SELECT time FROM events ORDER BY event_id LIMIT 1").fetchone()
        return None if row is None else row[0]

    def tidy(self) -> None:
        """Now and then, move the WAL into the file, and give unused pages back where nothing waits."""
        changes = self.commits + self._removals
        if changes - self._changes_in_file < CHECKPOINT_COMMITS:
            return
        self._changes_in_file = changes
        with _spool_errors(self.path), self._reading:
            self._reader.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            (free,) = self._reader.execute("PRAGMA freelist_count").fetchone()
            if free > FREE_PAGES and not self.waiting:
                with self._file:
                    self._reader.execute("VACUUM")

    def close(self) -> None:
        """Close the file, and remove it where nothing waits. From then on, appending is refused; closing again does
        nothing."""
        with _spool_errors(self.path), self._reading, self._file, self._looking:
            if self._closed:
                return
            self._closed = True
            # Asked of the file: an event that has just been committed may not be in `waiting` yet.
            (kept,) = self._reader.execute("SELECT EXISTS (SELECT 1 FROM events)").fetchone()
            for connection in (self._appender, self._looker, self._reader):
                connection.close()
            if not kept:
                for suffix in ("-wal", "-shm", ""):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _write(self, batch: list[_Pending]) -> None:
        """Commit a batch and settle its events, whatever happens: others wait for them."""
        error: SpoolError | None = SpoolError(f"{self.path}: the event could not be written.")
        try:
            with _spool_errors(self.path), self._file, _transaction(self._appender):
                rows = [(self._last_id + i, *each.row) for i, each in enumerate(batch, start=1)]
                self._last_id += len(batch)
                self._appender.executemany("INSERT INTO events VALUES (?, ?, ?, ?)", rows)
            error = None
        except SpoolError as caught:
            error = caught
        finally:
            with self._turnstile:
                if error is None:
                    self.commits += 1
                    self.waiting += len(batch)
                    self.n_bytes += sum(len(each.row[2]) for each in batch)
                for each in batch:
                    each.settled, each.error = True, error
                self._writing = False
                self._turnstile.notify_all()


class _Pending:
    """An event whose writing is asked for."""

    __slots__ = ("error", "row", "settled")

    def __init__(self, row: tuple[float, int, bytes]) -> None:
        self.row = row
        self.settled = False
        self.error: SpoolError | None = None


@contextmanager
def _spool_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise SpoolError(f"{path}: {error}. Check that the disk is not full and that you may write there.") from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _open(path: Path) -> sqlite3.Connection:
    """The appending connection to an intact file of this format."""
    new = _new(path)
    if new.exists() and not path.exists():  # a process ended between the two renames
        new.rename(path)
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        _begin_anew(path, str(error))
        return _connect(path)


def _new(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _begin_anew(path: Path, damage: str) -> None:
    """Put a new file with what can be read of a damaged one in its place, and keep that one beside.

    The damaged one stays where it is until the new one is whole: where that fails, the next start tries again.
    """
    new = _new(path)
    for suffix in ("", "-wal", "-shm"):
        new.with_name(new.name + suffix).unlink(missing_ok=True)
    with closing(_connect(new)) as connection:
        saved = 0
        with closing(sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None)) as old, _transaction(connection):
            for row in readable_rows(old):
                saved += connection.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?)", row).rowcount
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # only the file itself is renamed
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(f"{aside}{suffix}")
    path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
    new.rename(path)
    _log.error("%s is damaged (%s): kept as %s, and begun anew with %d events of it", path, damage, aside.name, saved)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise SpoolError(f"{path} has format {version}; this build reads up to {VERSION}. Upgrade untilclick.")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _, frames, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if _half_written(Path(f"{path}-wal"), frames):
            _log.warning("%s: dropped a record that was not completely written before a crash", path)
        if version == 0:
            connection.execute(_CREATE)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    except BaseException:
        connection.close()
        raise
    return connection


def _half_written(wal: Path, frames: int) -> bool:
    """Whether a WAL goes on after its `frames` valid frames: with another one of the same salt, or a part of one.

    Layout: https://sqlite.org/fileformat2.html, section 4. Frames of an older round have another salt.
    """
    if frames < 0 or not wal.exists():
        return False
    with wal.open("rb") as file:
        header = file.read(32)
        if len(header) < 32:
            return False
        (page_size,) = struct.unpack_from(">I", header, 8)
        file.seek(32 + frames * (24 + page_size))
        following = file.read(24)
    return bool(following) and following[8:16] == header[16:24]
