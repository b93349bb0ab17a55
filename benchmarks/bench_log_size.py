"""How much a log teaches: held-out figures by the number of search sessions, from none on.

    python -m benchmarks.bench_log_size --data SRC --split dev [--sizes 0,1000,10000] [--stages warm-start,ppo]
                                        [--seeds N] [--out DIR] [--json FILE] [--plot FILE]

One base a seed, from the documents alone; then, for every size, warm start and PPO on the first sessions of one log.
Each step is a command of `untilclick` with one thread. What is done is not done again, so that an interrupted series
goes on.
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

from benchmarks.command_line import untilclick

SIZES = (0, 1_000, 3_000, 10_000, 30_000, 100_000)
BASELINES = ("bm25", "rm3")
QUICK = ("--set", "evaluate.oracle=false", "--set", "evaluate.sessions=0", "--set", "evaluate.more_baselines=false")
SYSTEMS = {"warm-start": "warm_start", "ppo": "ppo"}
"""Command -> what it makes."""


@dataclass(frozen=True)
class Point:
    """One system after one log."""

    sessions: int
    seed: int
    system: str
    figure: float
    """Mean over the held-out topics."""
    against_bm25: float
    against_rm3: float


def series(given: argparse.Namespace, seed: int) -> Iterator[Point]:
    """Train and evaluate what is missing, the smallest log first."""
    base = given.out / f"seed-{seed}"
    common = ("--data", given.data, "--engine", given.engine, "--seed", str(seed))
    if not (base / "base" / "stage.json").is_file():
        untilclick("train", "base", *common, "--out", str(base))
    for size in sorted(given.sizes):
        run = given.out / f"seed-{seed}-{size}"
        results = run / "evaluation" / "results.json"
        if not results.is_file():
            shutil.copytree(base / "base", run / "base", dirs_exist_ok=True)
            if size:
                learn(given.stages, run, common, (f"sqlite:///{base / 'log.db'}", size))
            model = run if size else run / "base"
            own = ("--split", given.split, "--model", str(model), "--out", str(results.parent))
            untilclick(
                "evaluate", *common, *own, *(f"--set=evaluate.{name}" for name in ("oracle=false", "sessions=0"))
            )
        yield from read(results, size, given.measure)


def learn(stages: Sequence[str], run: Path, common: Sequence[str], log: tuple[str, int]) -> None:
    """Lengthen the log (URL, sessions) where it is shorter, and train on it."""
    url, size = log
    untilclick("simulate", *common, "--log", url, "--sessions", str(size))
    for stage in stages:
        untilclick("train", stage, *common, "--log", url, "--out", str(run))


def read(results: Path, size: int, measure: str) -> list[Point]:
    """The figures of an evaluation that is done."""
    found = json.loads(results.read_text(encoding="utf-8"))
    figures = {name: one[measure] for name, one in found["systems"].items()}
    bm25, rm3 = (figures[name] for name in BASELINES)
    learned = [name for name in figures if name == "base" or name in SYSTEMS.values()]
    return [
        Point(size, found["seed"], name, figures[name], figures[name] - bm25, figures[name] - rm3) for name in learned
    ]


def means(points: Sequence[Point]) -> Mapping[tuple[int, str], float]:
    """(sessions, system) -> mean over seeds, in order of size."""
    keys = sorted({(one.sessions, one.system) for one in points})
    return {key: fmean(one.figure for one in points if (one.sessions, one.system) == key) for key in keys}


def print_table(points: Sequence[Point], measure: str) -> None:
    """One line a size and system: the mean over seeds, and each seed against BM25."""
    bm25 = fmean(one.figure - one.against_bm25 for one in points)
    rm3 = fmean(one.figure - one.against_rm3 for one in points)
    print(f"{measure}: BM25 {bm25:.4f}, RM3 {rm3:.4f}")
    print(f"{'sessions':>9}  {'system':11}{'mean':>8}  against BM25, by seed")
    for (size, system), mean in means(points).items():
        own = [one for one in points if (one.sessions, one.system) == (size, system)]
        gains = " ".join(f"{one.against_bm25:+.4f}" for one in sorted(own, key=lambda one: one.seed))
        print(f"{size:9,}  {system:11}{mean:8.4f}  {gains}")


def plot(points: Sequence[Point], path: Path, measure: str) -> None:
    """Figure by number of sessions, on a scale that is linear up to the first log and logarithmic from there."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axis = figure.subplots()
    found = means(points)
    start = next(iter(found.values()))
    for system in dict.fromkeys(name for size, name in found if size):
        sizes, values = zip(*((size, mean) for (size, name), mean in found.items() if name == system), strict=True)
        axis.plot((0, *sizes), (start, *values), marker="o", label=system.replace("_", " "))
    for name, against in (("BM25", "against_bm25"), ("RM3", "against_rm3")):
        level = fmean(one.figure - getattr(one, against) for one in points)
        axis.axhline(level, color="0.6", linestyle="--" if name == "RM3" else ":", label=name)
    axis.set_xscale("symlog", linthresh=min((size for size, _ in found if size), default=1))
    axis.set_xlim(left=0)
    axis.set_xlabel("search sessions in the log (0: from the documents alone)")
    axis.set_ylabel(f"{measure}, held-out topics")
    axis.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, print a table, and write JSON and a plot where asked."""
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
    given = parser.parse_args(arguments)
    points = []
    for seed in range(given.seeds):
        for point in series(given, seed):
            points.append(point)
            print(f"seed {seed}, {point.sessions:,} sessions: {point.system} {point.figure:.4f}", file=sys.stderr)
    print_table(points, given.measure)
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in points], indent=1), encoding="utf-8")
    if given.plot:
        plot(points, given.plot, given.measure)


if __name__ == "__main__":
    main()
