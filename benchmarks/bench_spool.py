"""What it costs to keep an event on the disk before a request is answered: `app/event_log/spool.py` against a plain
file.

    python -m benchmarks.bench_spool [--events N] [--folder DIR]

The events are searches with ten results. `plain file` appends lines with a checksum and calls fdatasync, under the
same group commit; it is what a spool without SQLite would pay at least. `persist-queue` is measured where it is
installed: its queue in SQLite, item by item. Each is measured with one thread, and with eight that append at once.
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
from typing import Protocol

import numpy as np

from untilclick.app.event_log.events import encode
from untilclick.app.event_log.spool import SpoolFile
from untilclick.search.log.live_events import LiveTurn
from untilclick.search.records import Turn

THREADS = (1, 8)


class Appender(Protocol):
    """Something that keeps events."""

    commits: int

    def append(self, body: bytes, time: float) -> None:
        """Keep one."""
        ...

    def close(self) -> None:
        """End."""
        ...


class PlainFile:
    """Lines in a file, synced together where they come together."""

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
    """`persistqueue.SQLiteQueue`, shared between threads."""

    def __init__(self, path: Path) -> None:
        import persistqueue

        self.commits = 0
        self._queue = persistqueue.SQLiteQueue(str(path), multithreading=True, auto_commit=True)

    def append(self, body: bytes, time: float) -> None:
        """Put one item; each is a transaction."""
        del time
        self._queue.put(body)
        self.commits += 1

    def close(self) -> None:
        """Close its connections."""
        self._queue.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Print milliseconds per event."""
    parser = argparse.ArgumentParser(description="Cost of keeping an event")
    parser.add_argument("--events", type=int, default=400, help="per thread")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary folder")
    options = parser.parse_args(argv)
    kinds: dict[str, Callable[[Path], Appender]] = {
        "untilclick.app.event_log.spool": SpoolFile,
        "plain file": PlainFile,
    }
    try:
        import persistqueue  # noqa: F401
    except ImportError:
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


def measure(appender: Appender, n_threads: int, n: int) -> tuple[list[float], float]:
    """Seconds that each append took, and all together."""
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
    return waits, time.perf_counter() - started


@contextmanager
def _appender(kind: Callable[[Path], Appender], folder: Path | None) -> Iterator[Appender]:
    with tempfile.TemporaryDirectory(dir=folder) as place, closing(kind(Path(place) / "spool.db")) as appender:
        yield appender


if __name__ == "__main__":
    sys.exit(main())
