"""Both backends of PPO on one collection: curves over training, time, and held-out topics, several seeds.

    python -m benchmarks.bench_backends --data SRC --split dev --runs RUN [RUN ...] [--backends builtin,trlx]
                                        [--seeds N] [--out DIR] [--json FILE] [--plot FILE]

A RUN is a folder that `untilclick demo` has left: `base/`, `warm_start/` and `log.db`; seed s takes the s-th of them,
or the last. Each training is the command `untilclick train ppo`, each evaluation `untilclick evaluate`, in a process
of its own with one thread. What is done is not done again, so that an interrupted comparison goes on.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.command_line import untilclick

NAMES = {"builtin": "built-in", "trlx": "in trlX"}
LAST = 25
"""Rounds over which the end of a curve is averaged."""


@dataclass(frozen=True)
class Training:
    """One backend with one seed."""

    backend: str
    seed: int
    reward: tuple[float, ...]
    """Mean gain of each round's rollouts."""
    kl: tuple[float, ...]
    """Exact, to the warm start, at each round."""
    seconds: float
    """Of rollouts and updates."""
    measure: str
    """Of the figures below, on held-out topics."""
    warm_start: float
    ppo: float
    difference: float
    """PPO - warm start."""
    interval: tuple[float, float]
    p: float


def train(given: argparse.Namespace, backend: str, seed: int) -> Training:
    """Train and evaluate where that is still to be done, and read what was written."""
    source = given.runs[min(seed, len(given.runs) - 1)]
    folder = given.out / f"{backend}-{seed}"
    check_origin(folder, source, {"data": given.data, "split": given.split, "engine": given.engine, "seed": seed})
    common = ("--data", given.data, "--engine", given.engine, "--seed", str(seed))
    if not (folder / "ppo" / "stage.json").is_file():
        for stage in ("base", "warm_start"):
            shutil.copytree(source / stage, folder / stage, dirs_exist_ok=True)
        log = ("--log", f"sqlite:///{source / 'log.db'}")
        untilclick("train", "ppo", *common, *log, "--out", str(folder), "--backend", backend)
    results = folder / "evaluation" / "results.json"
    if not results.is_file():
        own = ("--split", given.split, "--model", str(folder), "--out", str(results.parent))
        untilclick("evaluate", *common, *own)
    return read(folder, backend, seed, given.measure)


def check_origin(folder: Path, source: Path, wanted: dict[str, str | int]) -> None:
    """Ends this program where the folder holds a training of other data or from another warm start."""
    results = folder / "evaluation" / "results.json"
    if results.is_file():
        found = json.loads(results.read_text(encoding="utf-8"))
        other = [f"{name} {found[name]!r}, not {value!r}" for name, value in wanted.items() if found[name] != value]
        if other:
            sys.exit(f"{folder} holds a training on {other[0]}; give another --out, or remove it")
    weights = "model.safetensors"
    own, given = folder / "warm_start" / weights, source / "warm_start" / weights
    if own.is_file() and not filecmp.cmp(own, given, shallow=False):
        sys.exit(f"{folder} started from another warm start than {source}'s; give another --out, or remove it")


def read(folder: Path, backend: str, seed: int, measure: str) -> Training:
    """A training that is done."""
    lines = (folder / "ppo.log" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rounds = [json.loads(line) for line in lines]
    results = json.loads((folder / "evaluation" / "results.json").read_text(encoding="utf-8"))
    pairs = (one for one in results["comparisons"] if one["measure"] == measure)
    pair = next(one for one in pairs if {one["a"], one["b"]} == {"ppo", "warm_start"})
    sign = 1.0 if pair["a"] == "ppo" else -1.0
    low, high = sorted(sign * end for end in pair["ci95"])
    return Training(
        backend,
        seed,
        tuple(one["reward_mean"] for one in rounds),
        tuple(one["kl"] for one in rounds if one.get("kl") is not None),
        sum(one["rollout_seconds"] + one["update_seconds"] for one in rounds),
        measure,
        results["systems"]["warm_start"][measure],
        results["systems"]["ppo"][measure],
        sign * pair["difference"],
        (low, high),
        pair["p"],
    )


def print_table(trainings: Sequence[Training]) -> None:
    """One line a training, and the means of each backend."""
    measure = trainings[0].measure
    header = f"{'backend':10}{'seed':>5}{'s':>7}{'reward':>9}{'KL':>7}{'warm':>8}{'PPO':>8}"
    print(f"{header}  PPO - warm start, {measure}")
    for one in trainings:
        low, high = one.interval
        figures = f"{one.seconds:7.0f}{fmean(one.reward[-LAST:]):9.4f}{fmean(one.kl[-LAST:]):7.3f}"
        gained = f"{one.difference:+.4f} [{low:+.4f}, {high:+.4f}] p={one.p:.3f}"
        print(f"{NAMES[one.backend]:10}{one.seed:5}{figures}{one.warm_start:8.4f}{one.ppo:8.4f}  {gained}")
    for backend in dict.fromkeys(one.backend for one in trainings):
        own = [one for one in trainings if one.backend == backend]
        means = (fmean(one.seconds for one in own), fmean(fmean(one.reward[-LAST:]) for one in own))
        print(f"{NAMES[backend]:10} mean{means[0]:7.0f}{means[1]:9.4f}{'':15}{fmean(one.ppo for one in own):8.4f}")


def plot(trainings: Sequence[Training], path: Path) -> None:
    """Reward and KL by round, one line a training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    colours = {backend: f"C{i}" for i, backend in enumerate(dict.fromkeys(one.backend for one in trainings))}
    for axis, name, label in zip(axes, ("reward", "kl"), ("gain of rollouts", "exact KL, nats"), strict=True):
        for one in trainings:
            curve = np.array(getattr(one, name))
            window = min(LAST, curve.size)
            smooth = np.convolve(curve, np.full(window, 1.0 / window), mode="valid")
            ends = np.arange(window, curve.size + 1)
            shown = NAMES[one.backend] if one.seed == trainings[0].seed else None
            axis.plot(ends, smooth, color=colours[one.backend], alpha=0.7, label=shown)
        axis.set_xlabel(f"round (mean of {LAST} until it)")
        axis.set_ylabel(label)
    axes[0].legend()
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train what is missing, print a table, and write JSON and a plot where asked."""
    parser = argparse.ArgumentParser(description="Both backends of PPO, curves and held-out topics")
    parser.add_argument("--data", default="stdlib")
    parser.add_argument("--engine", default="tantivy")
    parser.add_argument("--split", default="test")
    parser.add_argument("--measure", default="nDCG@10")
    parser.add_argument("--runs", type=Path, nargs="+")
    parser.add_argument("--backends", default="builtin,trlx")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/backends"))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args(arguments)
    if not given.runs:
        print(
            "No --runs: name the folders that `untilclick demo` has left, one for each seed, and what they were on."
        )
        return
    trainings = []
    for seed in range(given.seeds):
        for backend in given.backends.split(","):
            trainings.append(train(given, backend, seed))
            print(f"{NAMES[backend]}, seed {seed}: {trainings[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    print_table(trainings)
    if given.json:
        given.json.write_text(json.dumps([asdict(one) for one in trainings], indent=1), encoding="utf-8")
    if given.plot:
        plot(trainings, given.plot)


if __name__ == "__main__":
    main()
