"""Turns per second into and out of the session log, and one live turn with its click.

    python -m benchmarks.bench_session_log [--sessions N] [--rounds N] [--log URL] [--json FILE]

Sessions have three turns with ten results each and one click. The log is a new SQLite file in the temporary folder of
the machine, unless `--log` names an empty database. Figures are medians over the rounds.
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
LIVE = 200


@dataclass(frozen=True, slots=True)
class Figures:
    """One round's figures."""

    turns_written_per_s: float
    turns_read_per_s: float
    stats_ms: float
    live_turn_and_click_ms: float


def made_sessions(n: int, round_number: int) -> Iterator[Session]:
    """Sessions with ids of their own per round."""
    for i in range(n):
        name = f"r{round_number}s{i}"
        yield Session(name, "simulated", tuple(_turn(f"{name}q{step}", step, i) for step in range(TURNS)))


def measure(log: SessionLog, n: int, round_number: int) -> Figures:
    """Write, read, count, and log live, in this order."""
    sessions = list(made_sessions(n, round_number))
    ids = [session.session_id for session in sessions]
    written = _seconds(lambda: log.append(sessions))
    read = _seconds(lambda: sum(1 for _ in log.sessions(session_ids=ids)))
    counted = _seconds(log.stats)
    live = _seconds(lambda: _live(log, round_number))
    return Figures(n * TURNS / written, n * TURNS / read, counted * 1e3, live / LIVE * 1e3)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the medians, and write them as JSON where told."""
    parser = argparse.ArgumentParser(description="Session log throughput, one process")
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--log", help="an empty database; default: a new SQLite file")
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
    shown = tuple(f"doc-{i + place}" for place in range(10))
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
