"""A service under load whose processes are killed and whose database is cut, and the audit of what its log holds.

The service is the real one, started by `untilclick serve`: one process (or several workers) per host, each host with
a spool of its own, all on one log. Visitors search and click through hosts at random, so that a session's queries and
clicks are spread over hosts, and note what was answered. Every query has words of its own: an event that was written
under two ids would be seen.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from untilclick.search.log.session_log import SessionLog

ROOT = Path(__file__).parents[1]
WORDS = ("folder", "thread", "string", "comma", "directory", "remove", "wait", "split", "tree", "file")
READY_S = 120.0
QUERIES_PER_SESSION = 4


class Database(Protocol):
    """What a log is kept in, and how it is taken away."""

    @property
    def url(self) -> str:
        """The log's address."""
        ...

    def cut(self) -> AbstractContextManager[None]:
        """Out of use for as long as the context lasts."""
        ...


class SqliteFile:
    """A file that another program locks for writing."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Hold the lock on writing."""
        with closing(sqlite3.connect(self._path, 60, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")


class Host:
    """One host's service: its processes and its spool."""

    def __init__(self, folder: Path, name: str, url: str, workers: int) -> None:
        self.port = free_port()
        self.spool = folder / f"spool-{name}"
        self._workers = workers
        self._output = folder / f"{name}.log"
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            "UNTILCLICK_DATA": str(folder / "documents.jsonl"),
            "UNTILCLICK_ENGINE": "rank-bm25",
            "UNTILCLICK_LOG": url,
            "UNTILCLICK_SPOOL": str(self.spool),
            "UNTILCLICK_SECRET_KEYS": "a key of both hosts, of 32 characters",
            "UNTILCLICK_PORT": str(self.port),
            "UNTILCLICK_WORKERS": str(workers),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting."""
        command = [sys.executable, "-c", "from untilclick.app.cli.main import main; main()", "serve"]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=output, stderr=output, cwd=ROOT, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        """Wait for the first answer. Raises RuntimeError where there is none."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                if _request(self.port, "GET", "/healthz")[0] == 200:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise RuntimeError(f"The service on port {self.port} does not answer:\n{self._output.read_text()[-3000:]}")

    def kill(self, chance: float) -> None:
        """`kill -9` of everything; with several workers, of one of them where `chance` is above a half."""
        assert self._process is not None
        children = self._children()
        if self._workers > 1 and chance > 0.5 and children:
            os.kill(children[int(chance * 1000) % len(children)], signal.SIGKILL)
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.start()

    def stop(self) -> None:
        """End it as an operator does, and wait."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            finally:
                if self._process.poll() is None:
                    os.killpg(self._process.pid, signal.SIGKILL)

    def waiting(self) -> int:
        """Events in its spool; only when it is stopped."""
        n = 0
        for path in self.spool.glob("*.db"):
            with closing(sqlite3.connect(path)) as connection:
                n += connection.execute("SELECT count(*) FROM events").fetchone()[0]
        return n

    def set_aside(self) -> int:
        """Events that it gave up, and files."""
        path = self.spool / "set-aside.jsonl"
        lines = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
        return lines + len(list(self.spool.glob("*.damaged-*")))

    def _children(self) -> list[int]:
        """Worker processes; the first child of the supervisor is multiprocessing's resource tracker."""
        assert self._process is not None
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        children = [int(pid) for pid in path.read_text().split()]
        return [pid for pid in children if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


@dataclass
class Notes:
    """What visitors sent and what was answered."""

    turns: dict[str, str] = field(default_factory=dict)
    """query -> query_id, of answered searches."""
    clicks: set[tuple[str, str, int]] = field(default_factory=set)
    """query_id, doc_id, rank of answered clicks."""
    n_sent: int = 0
    ms: dict[str, list[float]] = field(default_factory=lambda: {"up": [], "cut": []})
    """Milliseconds of answered requests, by whether the database was cut."""
    unexpected: Counter[int] = field(default_factory=Counter)
    """Other HTTP statuses."""


class Visitors:
    """Threads that search and click until they are told to stop."""

    def __init__(self, ports: Sequence[int], n: int, seed: int) -> None:
        self.notes = Notes()
        self.database_is_cut = False
        self._ports = ports
        self._stop = threading.Event()
        self._lock = threading.Lock()
        generators = np.random.default_rng(seed).spawn(n)
        self._threads = [
            threading.Thread(target=self._visit, args=(i, generator), daemon=True)
            for i, generator in enumerate(generators)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> Notes:
        """Wait for the last answers, and give what was noted."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return self.notes

    def _visit(self, visitor: int, rng: np.random.Generator) -> None:
        n = 0
        while not self._stop.is_set():
            session_id = None
            for _ in range(int(rng.integers(1, QUERIES_PER_SESSION + 1))):
                n += 1
                words = " ".join(rng.choice(WORDS, 2))
                answer = self._search(f"{words} v{visitor}n{n}", session_id, rng)
                if answer is None:
                    break
                session_id = answer["session_id"]
                if rng.random() < 0.6 and answer["results"]:
                    self._click(answer, rng)

    def _search(self, query: str, session_id: str | None, rng: np.random.Generator) -> dict | None:
        body = {"query": query, "k": 5, "mode": "off", **({"session_id": session_id} if session_id else {})}
        status, content = self._timed("/v1/search", body, rng)
        if status != 200:
            return None
        answer = json.loads(content)
        with self._lock:
            self.notes.turns[query] = answer["query_id"]
        return answer

    def _click(self, answer: Mapping, rng: np.random.Generator) -> None:
        result = answer["results"][int(rng.integers(len(answer["results"])))]
        for _ in range(1 + int(rng.random() < 0.2)):
            status, _ = self._timed("/v1/click", {"click_token": result["click_token"]}, rng)
            if status == 204:
                with self._lock:
                    self.notes.clicks.add((answer["query_id"], result["doc_id"], result["rank"]))

    def _timed(self, path: str, body: Mapping, rng: np.random.Generator) -> tuple[int, bytes]:
        """Status 0 where nobody answers."""
        was_cut, started = self.database_is_cut, time.perf_counter()
        self.notes.n_sent += 1
        try:
            status, content = _request(int(rng.choice(self._ports)), "POST", path, body)
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
            return 0, b""
        with self._lock:
            if status in (200, 204):
                self.notes.ms["cut" if was_cut else "up"].append((time.perf_counter() - started) * 1000)
            else:
                self.notes.unexpected[status] += 1
        return status, content


@dataclass(frozen=True, slots=True)
class Audit:
    """What was answered against what the log holds."""

    turns_acknowledged: int
    clicks_acknowledged: int
    rows_found: int
    lost: int
    """Acknowledged and not in the log."""
    doubled: int
    """Rows of one event more than one."""
    unasked: int
    """Clicks on what was not shown."""
    wrong_steps: int
    """Sessions whose steps are not 0, 1, 2, ..."""


def audit(url: str, notes: Notes) -> Audit:
    """Compare the log with the notes."""
    with SessionLog.open(url, create=False) as log:
        sessions = list(log.sessions())
    turns = [turn for session in sessions for turn in session.turns]
    clicks = Counter((c.query_id, c.doc_id, c.rank) for turn in turns for c in turn.clicks)
    queries = Counter(turn.query for turn in turns)
    ids = {turn.query: turn.query_id for turn in turns}
    shown = {(turn.query_id, doc_id, i) for turn in turns for i, doc_id in enumerate(turn.shown, start=1)}
    lost_turns = sum(ids.get(query) != query_id for query, query_id in notes.turns.items())
    return Audit(
        turns_acknowledged=len(notes.turns),
        clicks_acknowledged=len(notes.clicks),
        rows_found=len(turns) + clicks.total(),
        lost=lost_turns + len(notes.clicks - set(clicks)),
        doubled=sum(n - 1 for n in (*queries.values(), *clicks.values())),
        unasked=len(set(clicks) - shown),
        wrong_steps=sum([turn.step for turn in s.turns] != list(range(len(s.turns))) for s in sessions),
    )


def write_documents(folder: Path) -> None:
    """Twenty documents of the words that visitors use."""
    lines = [
        json.dumps({"_id": f"d{i}", "title": WORDS[i % 10], "text": f"{WORDS[i % 10]} {WORDS[i * 3 % 10]} text"})
        for i in range(20)
    ]
    (folder / "documents.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _request(port: int, method: str, path: str, body: Mapping | None = None) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
