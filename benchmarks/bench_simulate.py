"""Measures simulated sessions per second on one core, without a log and with writing to a SQLite log.

    python -m benchmarks.bench_simulate [--data SRC] [--sessions N] [--runs R] [--json FILE]

The clock starts after the engine is opened, the statistics of the corpus are counted and the lay words of its
concepts are compiled, whose seconds are a figure of their own. The cache of result lists is empty at the start of
every run. Figures are medians over runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from untilclick.search.corpora.load import load_collection
from untilclick.search.engines import open_engine
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser
from untilclick.search.users.vocabulary.lay_words import lay_vocabulary


def measure(data: str, n: int, runs: int) -> dict[str, str | int | float]:
    """Sessions per second without and with the log, and the size of the simulation."""
    collection = load_collection(data, seed=0)
    topics = collection.topics["train"]
    engine = open_engine("tantivy", collection.corpus, None)
    index = TermIndex.build(collection.corpus)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        lay_vocabulary(index, collection.corpus, Path(folder))
        vocabulary_s = time.perf_counter() - started
    user = SimulatedUser.of(collection, index=index)
    without, with_log, queries = [], [], 0
    for run in range(runs):
        started = time.perf_counter()
        queries = sum(len(session.turns) for session in simulate_sessions(topics, engine, user, n, run))
        without.append(n / (time.perf_counter() - started))
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            _write(f"sqlite:///{Path(folder) / 'log.db'}", simulate_sessions(topics, engine, user, n, run))
            with_log.append(n / (time.perf_counter() - started))
    return {
        "data": data,
        "documents": len(collection.corpus.documents),
        "sessions": n,
        "vocabulary_s": round(vocabulary_s, 1),
        "queries_per_session": round(queries / n, 2),
        "sessions_per_s": round(statistics.median(without)),
        "sessions_per_s_with_log": round(statistics.median(with_log)),
    }


def _write(url: str, sessions: Iterable[Session]) -> None:
    with SessionLog.open(url) as log:
        log.append(sessions)


def main() -> None:
    """Print a table, and write the figures as JSON if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="stdlib")
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    figures = measure(arguments.data, arguments.sessions, arguments.runs)
    for name, value in figures.items():
        print(f"{name:26} {value}")
    print(json.dumps(figures))
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
