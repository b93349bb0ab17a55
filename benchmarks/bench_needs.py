"""Measures the needs and the split of a large session log: seconds and memory of the process.

    python -m benchmarks.bench_needs [--sessions N] [--documents N] [--json FILE]

Sessions have one to three queries and click on one to four documents, whose popularity follows Zipf's law with
exponent .9. The log is a new SQLite file in a temporary folder. A process of its own reads and splits it; its memory
includes the interpreter and imports, some 100 MiB.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from untilclick.rewriter.judging.log_split import Shares, split_log
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.search.analysis.by_name import english
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn

EXPONENT = 0.9
"""Exponent of the popularity of documents."""
CLICKS = (0.6, 0.25, 0.1, 0.05)
"""Shares of sessions with one, two, three and four clicked documents."""


def made_sessions(n: int, n_documents: int, seed: int = 0) -> Iterator[Session]:
    """Sessions of made-up queries and clicks."""
    rng = np.random.default_rng(seed)
    popularity = np.cumsum(np.arange(1, n_documents + 1) ** -EXPONENT)
    for number in range(n):
        n_clicks = rng.choice(len(CLICKS), p=CLICKS) + 1
        documents = np.searchsorted(popularity, rng.random(n_clicks) * popularity[-1]).tolist()
        queries = [f"word{documents[0] % 5000} thing{step}" for step in range(int(rng.integers(1, 4)))]
        last = len(queries) - 1
        shown = tuple(f"d{document}" for document in dict.fromkeys(documents))
        clicks = tuple(
            Click(f"s{number}q{last}", doc_id, rank, float(number)) for rank, doc_id in enumerate(shown, start=1)
        )
        turns = (
            Turn(f"s{number}q{step}", step, query, None, shown, clicks if step == last else (), float(number))
            for step, query in enumerate(queries)
        )
        yield Session(f"s{number}", "simulated", tuple(turns))


def measure(url: str) -> dict[str, object]:
    """Read and split the log, in this process."""
    started = time.perf_counter()
    with SessionLog.open(url, create=False) as log:
        split = split_log(log.sessions(), english(), SplitKey.of_seed(0), Shares(0.1, 0.2))
    memory_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": time.perf_counter() - started, "memory_mib": memory_mib, **asdict(split.record)}


def main(argv: Sequence[str] | None = None) -> None:
    """Print the figures, and write them as JSON if asked to."""
    parser = argparse.ArgumentParser(description="Needs and split of a large log")
    parser.add_argument("--sessions", type=int, default=1_000_000)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--log", help="Measure this log in this process")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(argv)
    if options.log:
        print(json.dumps(measure(options.log)))
        return
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/log.db"
        with SessionLog.open(url) as log:
            log.append(made_sessions(options.sessions, options.documents))
        command = [sys.executable, "-m", "benchmarks.bench_needs", "--log", url]
        figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    for name, value in figures.items():
        print(
            f"{name:>12}  {value:,.1f}"
            if isinstance(value, float)
            else f"{name:>12}  {value:,}"
            if isinstance(value, int)
            else f"{name:>12}  {value}"
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
