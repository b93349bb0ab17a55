"""Measures the session log: turns written and read per second, and the time of one live turn with its click.

    python -m benchmarks.bench_session_log [--sessions N] [--rounds N] [--log URL] [--json FILE]

Sessions have three turns with ten results each, and one click. The log is a new SQLite file in a temporary folder,
unless `--log` names an empty database. Figures are medians over the rounds.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from untilclick.search.log.live_events import LiveTurn
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn

TURNS = 3
"""Turns of a session."""
LIVE = 200
"""Live turns of a round, each with a click."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of one round."""

    turns_written_per_s: float
    turns_read_per_s: float
    stats_ms: float
    live_turn_and_click_ms: float


def made_sessions(n: int, round_number: int) -> Iterator[Session]:
    """Sessions whose ids differ from those of every other round."""
    for i in range(n):
        name = f"r{round_number}s{i}"
        yield Session(name, "simulated", tuple(_turn(f"{name}q{step}", step, i) for step in range(TURNS)))


def measure(log: SessionLog, n: int, round_number: int) -> Figures:
    """Time writing, reading, counting and live logging, in this order."""
    sessions = list(made_sessions(n, round_number))
    ids = [session.session_id for session in sessions]
    write_s = _seconds(lambda: log.append(sessions))
    read_s = _seconds(lambda: sum(1 for _ in log.sessions(session_ids=ids)))
    stats_s = _seconds(log.stats)
    live_s = _seconds(lambda: _live(log, round_number))
    return Figures(n * TURNS / write_s, n * TURNS / read_s, stats_s * 1e3, live_s / LIVE * 1e3)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the medians, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(description="Session log throughput, one process")
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--log", help="URL of an empty database; default: a new SQLite file")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder, SessionLog.open(options.log or f"{folder}/log.db") as log:
        rounds = [asdict(measure(log, options.sessions, number)) for number in range(options.rounds)]
    figures = {name: median(each[name] for each in rounds) for name in rounds[0]}
    for name, value in figures.items():
        print(f"{name:24} {value:12,.1f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


def _turn(query_id: str, step: int, i: int) -> Turn:
    clicks = (Click(query_id, f"doc-{i + 1}", 2, 1e9 + i + 0.5),) if step == TURNS - 1 else ()
    shown = tuple(f"doc-{i + rank}" for rank in range(10))
    attributes = {"rewriter_version": "v1", "reason": "applied", "topic_id": f"t{i % 100}", "propensity": 0.25}
    return Turn(query_id, step, f"how to bench {i}", None, shown, clicks, 1e9 + i, attributes)


def _live(log: SessionLog, round_number: int) -> None:
    for i in range(LIVE):
        query_id = f"r{round_number}live{i}"
        turn = LiveTurn(query_id, Turn(query_id, 0, "q", None, ("a", "b"), (), 1e9))
        log.append_events([turn], ())
        log.append_events((), [Click(query_id, "a", 1, 1e9 + 1)])


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    raise SystemExit(main())
