"""Measures how much a rewriter learns from logs of different sizes: held-out figures by number of search sessions.

    python -m benchmarks.bench_log_size --data SRC --split dev [--sizes 0,1000,10000] [--stages warm-start,ppo]
                                        [--seeds N] [--out DIR] [--json FILE] [--plot FILE]

For each seed a base is trained from the documents alone. Then, for every size, warm start and PPO are trained on the
first sessions of one simulated log; size 0 is the base itself. Each step is a command of `untilclick` with one
thread. Finished steps are not repeated, so an interrupted series can be continued.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from benchmarks.command_line import untilclick

SIZES = (0, 1_000, 3_000, 10_000, 30_000, 100_000)
BASELINES = ("bm25", "rm3")
SYSTEMS = {"warm-start": "warm_start", "ppo": "ppo"}
"""Stage of `untilclick train` -> name of the system that it trains."""


class LogPart(NamedTuple):
    """The first sessions of a log."""

    url: str
    n_sessions: int


@dataclass(frozen=True)
class Point:
    """One system, trained on a log of one size with one seed."""

    sessions: int
    seed: int
    system: str
    figure: float
    """Mean of the measure over the held-out topics."""
    against_bm25: float
    """Figure less that of BM25."""
    against_rm3: float
    """Figure less that of RM3."""


def series(options: argparse.Namespace, seed: int) -> Iterator[Point]:
    """Run the missing trainings and evaluations, the smallest log first, and yield the figures of each."""
    base = options.out / f"seed-{seed}"
    common = ("--data", options.data, "--engine", options.engine, "--seed", str(seed))
    if not (base / "base" / "stage.json").is_file():
        untilclick("train", "base", *common, "--out", str(base))
    for size in sorted(options.sizes):
        run = options.out / f"seed-{seed}-{size}"
        results = run / "evaluation" / "results.json"
        if not results.is_file():
            shutil.copytree(base / "base", run / "base", dirs_exist_ok=True)
            if size:
                learn(options.stages, run, common, LogPart(f"sqlite:///{base / 'log.db'}", size))
            model = run if size else run / "base"
            what = ("--split", options.split, "--model", str(model), "--out", str(results.parent))
            quick = ("--set=evaluate.oracle=false", "--set=evaluate.sessions=0")
            untilclick("evaluate", *common, *what, *quick)
        yield from read(results, size, options.measure)


def learn(stages: Sequence[str], run: Path, common: Sequence[str], log: LogPart) -> None:
    """Simulate sessions until the log has `log.n_sessions`, and train the stages on it."""
    untilclick("simulate", *common, "--log", log.url, "--sessions", str(log.n_sessions))
    for stage in stages:
        untilclick("train", stage, *common, "--log", log.url, "--out", str(run))


def read(results: Path, size: int, measure: str) -> list[Point]:
    """Read the figures of a finished evaluation."""
    record = json.loads(results.read_text(encoding="utf-8"))
    figures = {name: means[measure] for name, means in record["systems"].items()}
    bm25, rm3 = (figures[name] for name in BASELINES)
    learned = [name for name in figures if name == "base" or name in SYSTEMS.values()]
    return [
        Point(size, record["seed"], name, figures[name], figures[name] - bm25, figures[name] - rm3)
        for name in learned
    ]


def means(points: Sequence[Point]) -> Mapping[tuple[int, str], float]:
    """(sessions, system) -> mean over seeds, in order of size."""
    keys = sorted({(point.sessions, point.system) for point in points})
    return {key: fmean(point.figure for point in points if (point.sessions, point.system) == key) for key in keys}


def print_table(points: Sequence[Point], measure: str) -> None:
    """Print one line for each size and system: the mean over seeds, and the difference from BM25 of each seed."""
    bm25 = fmean(point.figure - point.against_bm25 for point in points)
    rm3 = fmean(point.figure - point.against_rm3 for point in points)
    print(f"{measure}: BM25 {bm25:.4f}, RM3 {rm3:.4f}")
    print(f"{'sessions':>9}  {'system':11}{'mean':>8}  against BM25, by seed")
    for (size, system), mean in means(points).items():
        by_seed = sorted(
            (point for point in points if (point.sessions, point.system) == (size, system)),
            key=lambda point: point.seed,
        )
        gains = " ".join(f"{point.against_bm25:+.4f}" for point in by_seed)
        print(f"{size:9,}  {system:11}{mean:8.4f}  {gains}")


def plot(points: Sequence[Point], path: Path, measure: str) -> None:
    """Plot figures by number of sessions, on a scale that is linear up to the smallest log and logarithmic beyond."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    by_size = means(points)
    start = next(iter(by_size.values()))
    for system in dict.fromkeys(name for size, name in by_size if size):
        sizes, values = zip(*((size, mean) for (size, name), mean in by_size.items() if name == system), strict=True)
        axis.plot((0, *sizes), (start, *values), marker="o", label=system.replace("_", " "))
    for name, against in (("BM25", "against_bm25"), ("RM3", "against_rm3")):
        level = fmean(point.figure - getattr(point, against) for point in points)
        axis.axhline(level, color="0.6", linestyle="--" if name == "RM3" else ":", label=name)
    axis.set_xscale("symlog", linthresh=min((size for size, _ in by_size if size), default=1))
    axis.set_xlim(left=0)
    axis.set_xlabel("search sessions in the log (0: from the documents alone)")
    axis.set_ylabel(f"{measure}, held-out topics")
    axis.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the missing steps, print a table, and write JSON and a plot if asked to."""
    parser = argparse.ArgumentParser(description="Held-out figures by the number of search sessions")
    parser.add_argument("--data", default="stdlib")
    parser.add_argument("--engine", default="tantivy")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--measure", default="nDCG@10")
    parser.add_argument("--sizes", type=lambda text: [int(size) for size in text.split(",")], default=list(SIZES))
    parser.add_argument("--stages", type=lambda text: text.split(","), default=list(SYSTEMS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/log-size"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args(arguments)
    points = []
    for seed in range(options.seeds):
        for point in series(options, seed):
            points.append(point)
            print(f"seed {seed}, {point.sessions:,} sessions: {point.system} {point.figure:.4f}", file=sys.stderr)
    print_table(points, options.measure)
    if options.json:
        options.json.write_text(json.dumps([asdict(point) for point in points], indent=1), encoding="utf-8")
    if options.plot:
        plot(points, options.plot, options.measure)


if __name__ == "__main__":
    main()
