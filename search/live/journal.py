"""The journal of changed documents: what was put and what was deleted, for all indexes and states of a corpus.

There is one journal for the documents of one source in an index folder, a SQLite database `changes-KEY.db` in WAL
mode with `synchronous = FULL`: a change is on the disk before an index gets it. A row is the last change of one
document. Its sequence number grows with every change, so an index that knows the last number it has applied finds
what it lacks. Only one process at a time changes a journal: callers hold `ChangeJournal.lock`.

An append-only log of all changes does not serve: it grows with every change of the same document, and an index needs
only the last one.
"""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from filelock import FileLock

from untilclick.search.errors import EngineError
from untilclick.search.live.changes import Change, ChangeCounts, ChangeKind, NewChange
from untilclick.search.records import Document

VERSION = 1
"""Version of the file format, kept in the file's `user_version`."""

BUSY_TIMEOUT_S = 10.0
"""Seconds that SQLite waits for the lock of another connection."""

LOCK_POLL_S = 0.005
"""Seconds between two tries to get the lock that another process holds."""

_CREATE = f"""
CREATE TABLE IF NOT EXISTS changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    title BLOB,
    text BLOB,
    place INTEGER,
    time REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS places ON changes (place);
CREATE TABLE IF NOT EXISTS sources (source TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS earlier (folder TEXT PRIMARY KEY, stamp TEXT NOT NULL, decision TEXT NOT NULL);
PRAGMA user_version = {VERSION};
"""
_COLUMNS = "sequence, doc_id, kind, title, text, place, time"
_ID, _FINGERPRINT, _ANALYSIS = "id", "fingerprint", "analysis"


class ChangeJournal:
    """The changes of one source's documents. Threads may share it. Every method raises EngineError if the file or its
    disk fails."""

    def __init__(self, path: Path) -> None:
        """Open the journal; make it if it is missing."""
        self.path = path
        self._lock = Lock()
        self._in_process = Lock()
        with journal_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            version = self._one("PRAGMA user_version")
            if version not in (0, VERSION):
                raise EngineError(
                    f"{path} has version {version}; this build reads {VERSION}. Use the newer build, or move it away"
                )
            self._connection.executescript(f"BEGIN IMMEDIATE; {_CREATE} COMMIT;")
            self._connection.execute("INSERT OR IGNORE INTO notes VALUES (?, ?)", (_ID, uuid.uuid4().hex))
        self.journal_id = self._note(_ID) or ""
        """Distinguishes this journal from one that was made after it was deleted."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let no other thread or process change the documents until the block ends."""
        lock = FileLock(self.path.with_suffix(".lock"), poll_interval=LOCK_POLL_S)
        with self._in_process:
            with journal_errors(self.path):
                lock.acquire()
            try:
                yield
            finally:
                lock.release()

    @property
    def last(self) -> int:
        """Number of the last change; 0 without any."""
        return self._number("SELECT max(sequence) FROM changes")

    def since(self, sequence: int) -> list[Change]:
        """The changes with a higher number, in the order of their numbers."""
        return self._changes("WHERE sequence > ? ORDER BY sequence", sequence)

    def present(self) -> list[Change]:
        """The changes that were not dropped, oldest first."""
        return self._changes("WHERE kind != ? ORDER BY sequence", ChangeKind.DROPPED)

    def of(self, doc_id: str) -> Change | None:
        """The last change of a document; None if it has none."""
        changes = self._changes("WHERE doc_id = ?", doc_id)
        return changes[0] if changes else None

    @property
    def counts(self) -> ChangeCounts:
        """Numbers of the changes that were not dropped."""
        put, deleted = (
            self._number("SELECT count(*) FROM changes WHERE kind = ?", kind)
            for kind in (ChangeKind.PUT, ChangeKind.DELETED)
        )
        return ChangeCounts(put, deleted)

    def put(self, document: Document, *, exists: bool) -> None:
        """Record a document that was put. `exists`: there is one of its id, whose place it takes."""
        before = self.of(document.doc_id)
        if exists:
            place = before.place if before is not None and before.kind is ChangeKind.PUT else None
        else:
            place = 1 + self._last_place()
        self.take([NewChange(document.doc_id, document, place)])

    def delete(self, doc_id: str) -> None:
        """Record that a document was deleted."""
        self.take([NewChange(doc_id, None)])

    def drop(self) -> ChangeCounts:
        """Drop all changes. Returns their numbers."""
        counts = self.counts
        now = time.time()
        self._write([(change.doc_id, ChangeKind.DROPPED, None, None, None, now) for change in self.present()])
        return counts

    def take(self, changes: Iterable[NewChange], *, keep_known: bool = False) -> int:
        """Record changes, all of them or none. Returns their number.

        `keep_known` leaves out documents of which the journal has a change already.
        """
        now = time.time()
        rows = [_row(change, now) for change in changes if not (keep_known and self.of(change.doc_id))]
        self._write(rows)
        return len(rows)

    @property
    def sources(self) -> list[str]:
        """The sources whose documents were changed, as `source_key` writes them: names of the same documents."""
        with self._lock, journal_errors(self.path):
            return [source for (source,) in self._connection.execute("SELECT source FROM sources ORDER BY source")]

    def add_source(self, source: str) -> None:
        """Note a further source."""
        self._execute("INSERT OR IGNORE INTO sources VALUES (?)", source)

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of the corpus that the changes were applied to last; None before the first."""
        return self._note(_FINGERPRINT)

    def note_fingerprint(self, fingerprint: str) -> None:
        """Note the corpus that the changes are applied to now."""
        self._execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", _FINGERPRINT, fingerprint)

    @property
    def analysis(self) -> str | None:
        """Name of the analysis of the first index; None before the first."""
        return self._note(_ANALYSIS)

    def note_analysis(self, name: str) -> None:
        """Note the analysis of the first index; a later one changes nothing."""
        self._execute("INSERT OR IGNORE INTO notes VALUES (?, ?)", _ANALYSIS, name)

    def decision(self, folder: str, stamp: str) -> str | None:
        """What was decided about an index without a mark when it was as it is now; None if nothing was."""
        decision = self._one("SELECT decision FROM earlier WHERE folder = ? AND stamp = ?", folder, stamp)
        return None if decision is None else str(decision)

    def decide(self, folder: str, stamp: str, decision: str) -> None:
        """Note what was decided about an index without a mark."""
        self._execute("INSERT OR REPLACE INTO earlier VALUES (?, ?, ?)", folder, stamp, decision)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _last_place(self) -> int:
        return self._number("SELECT max(place) + 1 FROM changes") - 1

    def _changes(self, condition: str, *values: str | int) -> list[Change]:
        with self._lock, journal_errors(self.path):
            rows = self._connection.execute(f"SELECT {_COLUMNS} FROM changes {condition}", values).fetchall()
        return [_change(*row) for row in rows]

    def _write(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Write rows of changes, all of them or none; on return they are on the disk."""
        if not rows:
            return
        insert = "INSERT OR REPLACE INTO changes (doc_id, kind, title, text, place, time) VALUES (?, ?, ?, ?, ?, ?)"
        with self._lock, journal_errors(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(insert, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def _note(self, name: str) -> str | None:
        value = self._one("SELECT value FROM notes WHERE name = ?", name)
        return None if value is None else str(value)

    def _execute(self, statement: str, *values: str | int) -> None:
        with self._lock, journal_errors(self.path):
            self._connection.execute(statement, values)

    def _number(self, query: str, *values: str | int) -> int:
        """The first column of the first row; 0 for NULL."""
        return int(self._one(query, *values) or 0)

    def _one(self, query: str, *values: str | int) -> int | str | None:
        """The first column of the first row; None without a row."""
        with self._lock, journal_errors(self.path):
            row = self._connection.execute(query, values).fetchone()
        return row[0] if row else None


@contextmanager
def journal_errors(path: Path) -> Iterator[None]:
    """Raise EngineError in place of an error of SQLite or of the disk."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise EngineError(
            f"{path}: the journal of changed documents cannot be used ({error}). Check the disk and your rights"
        ) from error


def _row(change: NewChange, now: float) -> tuple[object, ...]:
    if change.document is None:
        return (change.doc_id, ChangeKind.DELETED, None, None, None, now)
    title, text = (value.encode("utf-8", "surrogatepass") for value in (change.document.title, change.document.text))
    return (change.doc_id, ChangeKind.PUT, title, text, change.place, now)


def _change(  # noqa: PLR0913, PLR0917  the columns of a row
    sequence: int, doc_id: str, kind: str, title: bytes | None, text: bytes | None, place: int | None, time: float
) -> Change:
    document = None
    if title is not None and text is not None:
        document = Document(doc_id, *(value.decode("utf-8", "surrogatepass") for value in (title, text)))
    return Change(sequence, doc_id, ChangeKind(kind), document, place, time)
