"""A file of events on their way to the session log: `append` returns when the event is on the disk.

The file is a SQLite database in WAL mode with `synchronous = FULL`. After a crash SQLite drops what is half-written
in the WAL; no request was answered for such an event. SQLite does not check the pages of its main file: therefore
every event carries a CRC-32 (`SpoolEntry.intact`), and a file is checked when it is opened. `readable_entries` reads
what is left of a damaged file.

Requests that arrive while another request is being written are written together, by the first of their threads that
is free. Whatever their number, no request waits for more than two syncs of the disk.

There are two connections: one appends, the other one reads, removes and makes checkpoints, so that no request pays
for a checkpoint. A removal is not synced: after a power failure a removed event may come back. It is then delivered
again, which changes nothing.

A file format of our own with one line per event would take about half the time, 0.2 against 0.4 ms in the median
(`benchmarks/bench_spool.py`). It would need segments, a way back from a full disk and a recovery of its own, all of
which SQLite has and tests. `persist-queue` does not serve: its file queue calls fsync only when a chunk is full, and
its SQLite queue commits item by item.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Lock
from typing import NamedTuple

from untilclick.search.errors import UntilclickError

VERSION = 1
"""Version of the file format, kept in the file's `user_version`."""

BUSY_TIMEOUT_S = 10.0
"""Seconds that SQLite waits for the lock of another connection."""

CHECKPOINT_COMMITS = 300
"""Commits between two checkpoints. A commit puts two or three pages of 4 KiB into the WAL."""

FREE_PAGES = 256
"""Unused pages that an empty file may keep."""

MAX_UNREADABLE = 50_000
"""Ids of a damaged file that are tried in vain in each direction: the events of some 5,000 bad pages, in 0.6 s."""

MAX_ID = 2**62
"""A higher event id comes from damage, and would leave no room for new ones."""

_CREATE = f"""
CREATE TABLE IF NOT EXISTS events (
    event_id INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    crc INTEGER NOT NULL,
    body BLOB NOT NULL
);
PRAGMA user_version = {VERSION};
"""

_SELECT = "SELECT event_id, time, crc, body FROM events WHERE event_id"
_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?)"


class SpoolError(UntilclickError):
    """A spool that cannot take or give events."""


class DamagedSpoolError(SpoolError):
    """A spool file that is not intact, or not a SQLite database."""


class SpoolEntry(NamedTuple):
    """One waiting event: a row of the file."""

    event_id: int
    """1 or above, in the order in which events were appended."""
    time: float
    """When the event happened, seconds since the epoch."""
    crc: int
    """CRC-32 of `body`."""
    body: bytes

    @property
    def intact(self) -> bool:
        """Whether the body is what was appended."""
        return isinstance(self.time, float) and isinstance(self.body, bytes) and zlib.crc32(self.body) == self.crc


class SpoolFile:
    """One file of events.

    Any thread may append; one thread reads, removes and tidies. At most one process may open the file at a time.
    Every method raises SpoolError when the file or its disk fails.
    """

    waiting: int
    """Events in the file."""
    n_bytes: int
    """Bytes of the bodies of these events."""
    oldest: float | None
    """Time of the first event; None without events."""
    last_id: int
    """Id of the newest event. No id is used twice while the file is open: a reader continues after an id."""

    def __init__(self, path: Path) -> None:
        """Open the file; make it if it is missing. Raises DamagedSpoolError if it is not intact."""
        self.path = path
        self.commits = 0
        """Transactions since the file was opened."""
        self._commits_at_checkpoint = 0
        self._turnstile = Condition()
        self._pending: list[_Pending] = []
        self._writing = False
        self._changing = Lock()  # one transaction at a time: SQLite would make the second one sleep and try again
        with spool_errors(path), ExitStack() as connections:
            self._appender = connections.enter_context(closing(_connect(path)))
            _prepare(self._appender, path)
            self._reader = connections.enter_context(closing(_connect(path)))
            _execute(self._reader, "PRAGMA synchronous = NORMAL", "PRAGMA wal_autocheckpoint = 0")
            self._count()
            self._connections = connections.pop_all()

    def append(self, body: bytes, time: float) -> None:
        """Keep an event; when this returns, the event outlives the process and the machine."""
        event = _Pending(time, body)
        batch: list[_Pending] = []
        with self._turnstile:
            self._pending.append(event)
            self._turnstile.wait_for(lambda: event.settled or not self._writing)
            if not event.settled:
                self._writing = True
                batch, self._pending = self._pending, []
        if batch:
            self._write(batch)
        if event.error is not None:
            raise event.error

    def restore(self, entries: Iterable[SpoolEntry]) -> None:
        """Add entries of a damaged file to a new file: all of them or none."""
        with spool_errors(self.path), self._changing:
            with self._appender:
                self._appender.execute("BEGIN IMMEDIATE")
                self._appender.executemany(_INSERT, entries)
            self._count()

    def read(self, after: int, n: int) -> list[SpoolEntry]:
        """The first `n` events whose id is above `after`, in the order of ids."""
        with spool_errors(self.path):
            rows = self._reader.execute(f"{_SELECT} > ? ORDER BY event_id LIMIT ?", (after, n))
            return [SpoolEntry(*row) for row in rows]

    def remove(self, entries: Sequence[SpoolEntry]) -> None:
        """Remove events that `read` gave."""
        with spool_errors(self.path), self._changing:
            with self._reader:
                self._reader.execute("BEGIN IMMEDIATE")
                self._reader.executemany("DELETE FROM events WHERE event_id = ?", [entry[:1] for entry in entries])
            self.commits += 1
            self.waiting -= len(entries)
            self.n_bytes -= sum(len(entry.body) for entry in entries)
            self.oldest = self._first_time()

    def tidy(self) -> None:
        """From time to time, move the WAL into the file, and free unused pages if no event waits."""
        if self.commits - self._commits_at_checkpoint < CHECKPOINT_COMMITS:
            return
        self._commits_at_checkpoint = self.commits
        with spool_errors(self.path):
            _execute(self._reader, "PRAGMA wal_checkpoint(PASSIVE)")
            (free,) = self._reader.execute("PRAGMA freelist_count").fetchone()
            if free > FREE_PAGES and not self.waiting:
                with self._changing:
                    self._reader.execute("VACUUM")

    def close(self) -> None:
        """Close the file, and delete it if no event waits. The closed file refuses events."""
        with spool_errors(self.path), self._changing:
            empty = self._first_time() is None
            self._connections.close()
            if empty:
                for suffix in ("-wal", "-shm", ""):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def _write(self, batch: Sequence[_Pending]) -> None:
        """Commit a batch and settle its events in any case: other threads wait for them."""
        error: BaseException | None = None
        try:
            with spool_errors(self.path), self._changing:
                self._insert(batch)
        except BaseException as caught:
            error = caught
        with self._turnstile:
            for event in batch:
                event.settled, event.error = True, error
            self._writing = False
            self._turnstile.notify_all()

    def _insert(self, batch: Sequence[_Pending]) -> None:
        entries = [
            SpoolEntry(event_id, event.time, zlib.crc32(event.body), event.body)
            for event_id, event in enumerate(batch, start=self._next_id)
        ]
        self._next_id += len(batch)  # also if the transaction fails: an error may come after the commit
        with self._appender:
            self._appender.execute("BEGIN IMMEDIATE")
            self._appender.executemany(_INSERT, entries)
        self.commits += 1
        self.last_id = entries[-1].event_id
        self.waiting += len(batch)
        self.n_bytes += sum(len(event.body) for event in batch)
        if self.oldest is None:
            self.oldest = batch[0].time

    def _count(self) -> None:
        query = "SELECT count(*), coalesce(sum(length(body)), 0), coalesce(max(event_id), 0) FROM events"
        self.waiting, self.n_bytes, self.last_id = self._reader.execute(query).fetchone()
        self._next_id = self.last_id + 1
        self.oldest = self._first_time()

    def _first_time(self) -> float | None:
        row = self._reader.execute("SELECT time FROM events ORDER BY event_id LIMIT 1").fetchone()
        return None if row is None else row[0]


@dataclass(slots=True, eq=False)
class _Pending:
    """An event whose thread waits until it is written."""

    time: float
    body: bytes
    settled: bool = False
    error: BaseException | None = None
    """Why the settled event is not written; None if it is."""


def readable_entries(damaged: sqlite3.Connection) -> Iterator[SpoolEntry]:
    """The intact entries of a damaged file.

    Every entry needs a query of its own, because an error ends a query. The ids are read upwards, and an id that
    cannot be read is skipped. After MAX_UNREADABLE such ids the rest is read downwards from the end: the bad page
    then lies beside a wide gap between ids, as a click leaves that waits for a day while millions of events pass.
    """
    low, high = 1, MAX_ID  # the ids that are not tried yet
    unreadable = 0
    while low <= high and unreadable < 2 * MAX_UNREADABLE:
        upwards = unreadable < MAX_UNREADABLE
        query = f"{_SELECT} BETWEEN ? AND ? ORDER BY event_id {'ASC' if upwards else 'DESC'} LIMIT 1"
        try:
            row = damaged.execute(query, (low, high)).fetchone()
        except sqlite3.Error:
            unreadable += 1
            event_id = low if upwards else high
        else:
            if row is None:
                return
            entry = SpoolEntry(*row)
            event_id = entry.event_id
            if entry.intact:
                yield entry
        low, high = (event_id + 1, high) if upwards else (low, event_id - 1)


@contextmanager
def spool_errors(path: Path) -> Iterator[None]:
    """Raise errors of SQLite and of the disk as SpoolError, and a damaged file as DamagedSpoolError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if type(error) is sqlite3.DatabaseError:  # its subclasses stand for all other causes
            raise DamagedSpoolError(f"{path} is damaged: {error}.") from error
        raise SpoolError(f"{path}: {error}. Check that the disk is not full and that you may write there.") from error


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)


def _execute(connection: sqlite3.Connection, *statements: str) -> None:
    for statement in statements:
        connection.execute(statement).fetchall()


def _prepare(appender: sqlite3.Connection, path: Path) -> None:
    """Set up the connection that appends, make the table in a new file, and check an old one."""
    (version,) = appender.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise SpoolError(f"{path} has format {version}; this build reads up to {VERSION}. Upgrade untilclick.")
    _execute(appender, "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA wal_autocheckpoint = 0")
    if version == 0:
        appender.executescript(_CREATE)
    (verdict,) = appender.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
