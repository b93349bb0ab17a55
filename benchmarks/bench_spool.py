"""The time to put an event on the disk before a request is answered: `app/event_log/spool.py` against a plain file.

    python -m benchmarks.bench_spool [--events N] [--folder DIR]

The events are searches with ten results. `plain file` appends lines with a checksum and calls fdatasync, with the
same group commit; a spool without SQLite would take at least as long. `persist-queue` (its queue in SQLite, which
commits item by item) is measured if it is installed. Each is measured with one thread, and with eight threads at
once.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from untilclick.app.event_log.events import encode
from untilclick.app.event_log.spool import SpoolFile
from untilclick.search.log.live_events import LiveTurn
from untilclick.search.records import Turn

try:  # no dependency: measured if it is there
    import persistqueue
except ImportError:
    persistqueue = None

THREADS = (1, 8)


class Appender(Protocol):
    """A store that keeps events."""

    commits: int
    """Transactions so far."""

    def append(self, body: bytes, time: float) -> None:
        """Return when the event is on the disk."""
        ...

    def close(self) -> None:
        """Close the files."""
        ...


class Measurement(NamedTuple):
    """The duration of appends."""

    waits: list[float]
    """Seconds of each append."""
    seconds: float
    """Seconds of all appends together."""


class PlainFile:
    """Lines in a file; lines that arrive at the same time share a sync."""

    def __init__(self, path: Path) -> None:
        self.commits = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._turnstile = threading.Condition()
        self._pending: list[bytes] = []
        self._taken = self._synced = 0
        self._writing = False

    def append(self, body: bytes, time: float) -> None:
        """Return when the event is on the disk."""
        del time
        with self._turnstile:
            self._pending.append(b"%08x %s\n" % (zlib.crc32(body), body))
            self._taken += 1
            mine = self._taken
            self._turnstile.wait_for(lambda: self._synced >= mine or not self._writing)
            if self._synced >= mine:
                return
            self._writing = True
            batch, self._pending = self._pending, []
        os.write(self._file, b"".join(batch))
        os.fdatasync(self._file)
        with self._turnstile:
            self._synced += len(batch)
            self.commits += 1
            self._writing = False
            self._turnstile.notify_all()

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class PersistQueue:
    """`persistqueue.SQLiteQueue`, shared by all threads."""

    def __init__(self, path: Path) -> None:
        self.commits = 0
        self._queue = persistqueue.SQLiteQueue(str(path), multithreading=True, auto_commit=True)

    def append(self, body: bytes, time: float) -> None:
        """Put an item in a transaction of its own."""
        del time
        self._queue.put(body)
        self.commits += 1

    def close(self) -> None:
        """Close the queue's connections."""
        self._queue.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Print milliseconds per event."""
    parser = argparse.ArgumentParser(description="Time to put an event on the disk")
    parser.add_argument("--events", type=int, default=400, help="events per thread")
    parser.add_argument("--folder", type=Path, help="folder on the disk to measure; default: the temporary folder")
    options = parser.parse_args(argv)
    kinds: dict[str, Callable[[Path], Appender]] = {
        "spool": SpoolFile,
        "plain file": PlainFile,
    }
    if persistqueue is None:
        print("persist-queue is not installed and left out")
    else:
        kinds["persist-queue"] = PersistQueue
    print(f"{'':14} {'threads':>7} {'ms/event':>9} {'p50 ms':>7} {'p99 ms':>7} {'events/commit':>14}")
    for n_threads in THREADS:
        for name, kind in kinds.items():
            with _appender(kind, options.folder) as appender:
                waits, seconds = measure(appender, n_threads, options.events)
                p50, p99 = np.percentile(waits, (50, 99)) * 1e3
                per_event, together = seconds / len(waits) * 1e3, len(waits) / appender.commits
                print(f"{name:14} {n_threads:7} {per_event:9.3f} {p50:7.2f} {p99:7.2f} {together:14.1f}")
    return 0


def measure(appender: Appender, n_threads: int, n: int) -> Measurement:
    """Append `n` events in each thread."""
    turn = Turn("q" * 36, 1, "wait until a thread is finished", None, tuple(f"d{i}" for i in range(10)), (), 1e9)
    body = encode(LiveTurn("s" * 36, turn, None))
    waits: list[float] = []

    def work() -> None:
        for _ in range(n):
            started = time.perf_counter()
            appender.append(body, 1e9)
            waits.append(time.perf_counter() - started)

    threads = [threading.Thread(target=work) for _ in range(n_threads)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Measurement(waits, time.perf_counter() - started)


@contextmanager
def _appender(kind: Callable[[Path], Appender], folder: Path | None) -> Iterator[Appender]:
    with tempfile.TemporaryDirectory(dir=folder) as place, closing(kind(Path(place) / "spool.db")) as appender:
        yield appender


if __name__ == "__main__":
    sys.exit(main())
