"""Services under load whose processes are killed and whose database is cut off, and the audit of their log.

The services are started by `untilclick serve`: one process or several workers per host. Each host has its own spool;
all hosts write to one log. Visitors choose a host at random for every request, so that the queries and clicks of a
session are spread over hosts, and note what was answered. Every query has its own words: an event that is written
under two ids is noticed.
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
from typing import NamedTuple, Protocol

import numpy as np

from untilclick.search.log.session_log import SessionLog

ROOT = Path(__file__).parents[1]
WORDS = ("folder", "thread", "string", "comma", "directory", "remove", "wait", "split", "tree", "file")
READY_S = 120.0
"""Seconds that a service may take to start."""

QUERIES_PER_SESSION = 4
"""Queries of the longest sessions."""


class Database(Protocol):
    """The database of a log, which can be cut off."""

    @property
    def url(self) -> str:
        """The log's address."""
        ...

    def cut(self) -> AbstractContextManager[None]:
        """Cut the database off while the context lasts."""
        ...


class LoggedClick(NamedTuple):
    """The fields that identify a click in the log."""

    query_id: str
    doc_id: str
    rank: int


class Response(NamedTuple):
    """An HTTP response; status 0 if there was none."""

    status: int
    content: bytes


class SqliteFile:
    """An SQLite file; it is cut off by a lock for writing."""

    def __init__(self, path: Path) -> None:
        self.url = f"sqlite:///{path}"
        self._path = path

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Hold the lock for writing."""
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
        """Start the service without waiting for it."""
        command = [sys.executable, "-c", "from untilclick.app.cli.main import main; main()", "serve"]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=self._environment, stdout=output, stderr=output, cwd=ROOT, start_new_session=True
            )

    def wait_until_ready(self) -> None:
        """Wait for the first answer. Raises RuntimeError if the service ends, or READY_S seconds pass."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                break
            try:
                if _request(self.port, "GET", "/healthz").status == 200:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise RuntimeError(f"The service on port {self.port} does not answer:\n{self._output.read_text()[-3000:]}")

    def kill(self, chance: float) -> None:
        """Kill the service by `kill -9` and start it; if `chance` is above .5, only one of several workers."""
        assert self._process is not None
        children = self._children()
        if self._workers > 1 and chance > 0.5 and children:
            os.kill(children[int(chance * 1000) % len(children)], signal.SIGKILL)
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.start()

    def stop(self) -> None:
        """Stop the service by SIGTERM, as an operator does, and wait for its end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(60)
            finally:
                if self._process.poll() is None:
                    os.killpg(self._process.pid, signal.SIGKILL)

    def waiting(self) -> int:
        """Events in the spool of the stopped service."""
        n = 0
        for path in self.spool.glob("*.db"):
            with closing(sqlite3.connect(path)) as connection:
                n += connection.execute("SELECT count(*) FROM events").fetchone()[0]
        return n

    def set_aside(self) -> int:
        """Events and damaged files that the service set aside."""
        path = self.spool / "set-aside.jsonl"
        lines = len(path.read_text(encoding="utf-8").splitlines()) if path.exists() else 0
        return lines + len(list(self.spool.glob("*.damaged-*")))

    def _children(self) -> list[int]:
        """The worker processes. The supervisor's first child is the resource tracker of `multiprocessing`."""
        assert self._process is not None
        path = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        children = [int(pid) for pid in path.read_text().split()]
        return [pid for pid in children if b"resource_tracker" not in Path(f"/proc/{pid}/cmdline").read_bytes()]


@dataclass
class Notes:
    """The requests of visitors, and their answers."""

    turns: dict[str, str] = field(default_factory=dict)
    """query -> query_id of answered searches."""
    clicks: set[LoggedClick] = field(default_factory=set)
    """Answered clicks."""
    n_sent: int = 0
    """Requests sent."""
    ms: dict[str, list[float]] = field(default_factory=lambda: {"up": [], "cut": []})
    """Milliseconds of answered requests, while the database was up and while it was cut off."""
    unexpected: Counter[int] = field(default_factory=Counter)
    """Responses by status, without 200 and 204."""


class Visitors:
    """Threads that search and click until they are stopped."""

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
        """Stop the threads, wait for their last answers, and return the notes."""
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
        response = self._timed("/v1/search", body, rng)
        if response.status != 200:
            return None
        answer = json.loads(response.content)
        with self._lock:
            self.notes.turns[query] = answer["query_id"]
        return answer

    def _click(self, answer: Mapping, rng: np.random.Generator) -> None:
        result = answer["results"][int(rng.integers(len(answer["results"])))]
        for _ in range(1 + int(rng.random() < 0.2)):
            response = self._timed("/v1/click", {"click_token": result["click_token"]}, rng)
            if response.status == 204:
                with self._lock:
                    self.notes.clicks.add(LoggedClick(answer["query_id"], result["doc_id"], result["rank"]))

    def _timed(self, path: str, body: Mapping, rng: np.random.Generator) -> Response:
        was_cut, started = self.database_is_cut, time.perf_counter()
        self.notes.n_sent += 1
        try:
            response = _request(int(rng.choice(self._ports)), "POST", path, body)
        except (OSError, http.client.HTTPException):
            time.sleep(0.01)
            return Response(0, b"")
        with self._lock:
            if response.status in (200, 204):
                self.notes.ms["cut" if was_cut else "up"].append((time.perf_counter() - started) * 1000)
            else:
                self.notes.unexpected[response.status] += 1
        return response


@dataclass(frozen=True, slots=True)
class Audit:
    """The answered events, compared with the rows of the log."""

    turns_acknowledged: int
    """Searches that were answered."""
    clicks_acknowledged: int
    """Clicks that were answered."""
    rows_found: int
    """Rows of queries and clicks in the log."""
    lost: int
    """Answered events that are not in the log."""
    doubled: int
    """Rows of an event beyond its first."""
    unasked: int
    """Clicks on documents that were not shown."""
    wrong_steps: int
    """Sessions whose steps are not 0, 1, 2, ..."""


def audit(url: str, notes: Notes) -> Audit:
    """Compare the log with the notes."""
    with SessionLog.open(url, create=False) as log:
        sessions = list(log.sessions())
    turns = [turn for session in sessions for turn in session.turns]
    clicks = Counter(LoggedClick(c.query_id, c.doc_id, c.rank) for turn in turns for c in turn.clicks)
    queries = Counter(turn.query for turn in turns)
    ids = {turn.query: turn.query_id for turn in turns}
    shown = {LoggedClick(turn.query_id, doc_id, i) for turn in turns for i, doc_id in enumerate(turn.shown, start=1)}
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
    """Write twenty documents of the words that visitors use."""
    lines = [
        json.dumps({"_id": f"d{i}", "title": WORDS[i % 10], "text": f"{WORDS[i % 10]} {WORDS[i * 3 % 10]} text"})
        for i in range(20)
    ]
    (folder / "documents.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _request(port: int, method: str, path: str, body: Mapping | None = None) -> Response:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"content-type": "application/json"})
        response = connection.getresponse()
        return Response(response.status, response.read())


def free_port() -> int:
    """A free TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
