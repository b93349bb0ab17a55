"""Compares both backends of PPO on one collection: training curves, time and held-out topics, over several seeds.

    python -m benchmarks.bench_backends --data SRC --split dev --runs RUN [RUN ...] [--backends builtin,trlx]
                                        [--seeds N] [--out DIR] [--json FILE] [--plot FILE]

A RUN is a folder that `untilclick demo` wrote: it holds `base/`, `warm_start/` and `log.db`. Seed s uses the s-th
RUN, or the last if there are fewer. Each training is the command `untilclick train ppo` and each evaluation the
command `untilclick evaluate`, in a process of its own with one thread. Finished steps are not repeated, so an
interrupted comparison can be continued.
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
"""Number of last rounds over which reward and KL are averaged."""


@dataclass(frozen=True)
class Training:
    """One backend with one seed."""

    backend: str
    seed: int
    reward: tuple[float, ...]
    """Mean gain of the rollouts, for each round."""
    kl: tuple[float, ...]
    """Exact KL to the warm start in nats, for each round that measured it."""
    seconds: float
    """Time of all rollouts and updates."""
    measure: str
    """Name of the measure of the following figures, on held-out topics."""
    warm_start: float
    ppo: float
    difference: float
    """PPO - warm start."""
    interval: tuple[float, float]
    """95 % confidence interval of the difference."""
    p: float


def train(options: argparse.Namespace, backend: str, seed: int) -> Training:
    """Train and evaluate unless that is done, and read the results."""
    source = options.runs[min(seed, len(options.runs) - 1)]
    folder = options.out / f"{backend}-{seed}"
    check_origin(
        folder, source, {"data": options.data, "split": options.split, "engine": options.engine, "seed": seed}
    )
    common = ("--data", options.data, "--engine", options.engine, "--seed", str(seed))
    if not (folder / "ppo" / "stage.json").is_file():
        for stage in ("base", "warm_start"):
            shutil.copytree(source / stage, folder / stage, dirs_exist_ok=True)
        log = ("--log", f"sqlite:///{source / 'log.db'}")
        untilclick("train", "ppo", *common, *log, "--out", str(folder), "--backend", backend)
    results = folder / "evaluation" / "results.json"
    if not results.is_file():
        what = ("--split", options.split, "--model", str(folder), "--out", str(results.parent))
        untilclick("evaluate", *common, *what)
    return read(folder, backend, seed, options.measure)


def check_origin(folder: Path, source: Path, wanted: dict[str, str | int]) -> None:
    """Exit this program if the folder holds a training on other data or from another warm start.

    `wanted` maps names in `results.json` to the values they must have.
    """
    results = folder / "evaluation" / "results.json"
    if results.is_file():
        origin = json.loads(results.read_text(encoding="utf-8"))
        differences = [
            f"{name} {origin[name]!r}, not {value!r}" for name, value in wanted.items() if origin[name] != value
        ]
        if differences:
            sys.exit(f"{folder} holds a training on {differences[0]}; choose another --out, or remove the folder")
    weights = "model.safetensors"
    copied, original = folder / "warm_start" / weights, source / "warm_start" / weights
    if copied.is_file() and not filecmp.cmp(copied, original, shallow=False):
        sys.exit(
            f"{folder} was trained from another warm start than that of {source}; "
            "choose another --out, or remove the folder"
        )


def read(folder: Path, backend: str, seed: int, measure: str) -> Training:
    """Read the logs and results of a finished training."""
    lines = (folder / "ppo.log" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rounds = [json.loads(line) for line in lines]
    results = json.loads((folder / "evaluation" / "results.json").read_text(encoding="utf-8"))
    comparisons = (each for each in results["comparisons"] if each["measure"] == measure)
    comparison = next(each for each in comparisons if {each["a"], each["b"]} == {"ppo", "warm_start"})
    sign = 1.0 if comparison["a"] == "ppo" else -1.0  # the pair may be stored as warm start - PPO
    low, high = sorted(sign * end for end in comparison["ci95"])
    return Training(
        backend,
        seed,
        tuple(each["reward_mean"] for each in rounds),
        tuple(each["kl"] for each in rounds if each.get("kl") is not None),
        sum(each["rollout_seconds"] + each["update_seconds"] for each in rounds),
        measure,
        results["systems"]["warm_start"][measure],
        results["systems"]["ppo"][measure],
        sign * comparison["difference"],
        (low, high),
        comparison["p"],
    )


def print_table(trainings: Sequence[Training]) -> None:
    """Print one line for each training, then the means of each backend."""
    measure = trainings[0].measure
    header = f"{'backend':10}{'seed':>5}{'s':>7}{'reward':>9}{'KL':>7}{'warm':>8}{'PPO':>8}"
    print(f"{header}  PPO - warm start, {measure}")
    for run in trainings:
        low, high = run.interval
        figures = f"{run.seconds:7.0f}{fmean(run.reward[-LAST:]):9.4f}{fmean(run.kl[-LAST:]):7.3f}"
        difference = f"{run.difference:+.4f} [{low:+.4f}, {high:+.4f}] p={run.p:.3f}"
        print(f"{NAMES[run.backend]:10}{run.seed:5}{figures}{run.warm_start:8.4f}{run.ppo:8.4f}  {difference}")
    for backend in dict.fromkeys(run.backend for run in trainings):
        runs = [run for run in trainings if run.backend == backend]
        seconds, reward = fmean(run.seconds for run in runs), fmean(fmean(run.reward[-LAST:]) for run in runs)
        print(f"{NAMES[backend]:10} mean{seconds:7.0f}{reward:9.4f}{'':15}{fmean(run.ppo for run in runs):8.4f}")


def plot(trainings: Sequence[Training], path: Path) -> None:
    """Plot reward and KL by round, one line for each training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    colours = {backend: f"C{i}" for i, backend in enumerate(dict.fromkeys(run.backend for run in trainings))}
    for axis, name, label in zip(axes, ("reward", "kl"), ("gain of rollouts", "exact KL, nats"), strict=True):
        for run in trainings:
            curve = np.array(getattr(run, name))  # (R,)
            window = min(LAST, curve.size)
            smooth = np.convolve(curve, np.full(window, 1.0 / window), mode="valid")  # (R - window + 1,)
            ends = np.arange(window, curve.size + 1)
            label_once = NAMES[run.backend] if run.seed == trainings[0].seed else None
            axis.plot(ends, smooth, color=colours[run.backend], alpha=0.7, label=label_once)
        axis.set_xlabel(f"round (mean of the last {LAST})")
        axis.set_ylabel(label)
    axes[0].legend()
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the missing trainings, print a table, and write JSON and a plot if asked to."""
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
    options = parser.parse_args(arguments)
    if not options.runs:
        print(
            "--runs is missing: name the folders that `untilclick demo` wrote, one for each seed, and their --data."
        )
        return
    trainings = []
    for seed in range(options.seeds):
        for backend in options.backends.split(","):
            trainings.append(train(options, backend, seed))
            print(f"{NAMES[backend]}, seed {seed}: {trainings[-1].seconds:.0f} s", file=sys.stderr, flush=True)
    print_table(trainings)
    if options.json:
        options.json.write_text(json.dumps([asdict(run) for run in trainings], indent=1), encoding="utf-8")
    if options.plot:
        plot(trainings, options.plot)


if __name__ == "__main__":
    main()
