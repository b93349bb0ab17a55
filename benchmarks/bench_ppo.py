"""Compares three PPOs of one T5: the built-in backend, our trainer in trlX and trlX's own trainer.

    python -m benchmarks.bench_ppo [--ground subword|corpus] [--systems builtin,trlx,stock] [--rounds N] [--seeds N]
                                   [--threads N] [--json FILE] [--plot FILE]

All three train the same model on the same prompts and reward. Each run has a process of its own; the systems take
turns within each seed. Measuring reward and exact KL does not count as training time. trlX is installed from its
repository; if it is absent, a message says so and only the built-in backend runs.

`limit` is the share of a round's time that its matrix products would take at the rate at which this machine
multiplies two 1,024 x 1,024 matrices. At 1, only faster products could make the round faster. `to .5` is the training
time until the highest reward that every run has reached, interpolated between evaluations. `ppo_ground.py` lists
the differences between the systems besides their code.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from math import isfinite, isnan
from pathlib import Path
from statistics import fmean

from benchmarks.ppo_records import RoundParts, Run, Table, systems_of, table_of

SYSTEMS = ("builtin", "trlx", "stock")
NAMES = {"builtin": "built-in", "trlx": "ours in trlX", "stock": "trlX's own"}
ROUNDS = {"subword": 20, "corpus": 20}
EVALUATIONS = 5
"""Number of evaluations of reward and KL during training, besides that of the start."""


def one_run(options: argparse.Namespace) -> None:
    """Train one system in this process, and write the record of the run."""
    import torch

    from benchmarks.ppo_clock import multiply_rate
    from benchmarks.ppo_ground import open_ground
    from benchmarks.ppo_systems import run

    torch.set_num_threads(options.threads)
    ground = open_ground(options.ground, options.model, options.seed)
    rate = multiply_rate()
    with tempfile.TemporaryDirectory() as folder:
        clock = run(options.one, ground, options.rounds, max(1, options.rounds // EVALUATIONS), Path(folder))
    settings = ground.settings
    run_record = Run(
        options.one,
        options.seed,
        settings.rollout.prompts_per_iteration * settings.rollout.samples_per_prompt,
        settings.update.epochs,
        tuple(clock.rollout_seconds),
        tuple(clock.update_seconds),
        tuple(clock.evaluations),
        clock.peak_bytes,
        clock.operations,
        rate,
        clock.parts,
    )
    run_record.write(options.json)


def measure(options: argparse.Namespace, systems: Sequence[str], folder: Path) -> list[Run]:
    """Run every system with every seed, each run in a process of its own; the systems take turns."""
    from benchmarks.ppo_ground import write_start

    runs = []
    for seed in range(options.seeds):
        model, path = folder / f"start-{seed}", folder / "run.json"
        write_start(options.ground, model, seed)
        for system in systems:
            command = [sys.executable, "-m", "benchmarks.bench_ppo", "--one", system, "--seed", str(seed)]
            command += ["--ground", options.ground, "--model", str(model), "--rounds", str(options.rounds)]
            command += ["--threads", str(options.threads), "--json", str(path)]
            environment = {**os.environ, "OMP_NUM_THREADS": str(options.threads), "TRLX_VERBOSITY": "ERROR"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{system} with seed {seed} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
            runs.append(Run.read(json.loads(path.read_text(encoding="utf-8"))))
            print(
                f"{NAMES[system]}, seed {seed}: {runs[-1].round_seconds:.2f} s a round", file=sys.stderr, flush=True
            )
    return runs


def print_table(table: Table) -> None:
    """Print the table of the comparison; `x` is how many times faster than the last row a system is."""
    last = table.rows[-1]
    header = (
        "rollouts/s",
        "samples/s",
        "s a round",
        "x",
        f"to {table.target:.3f}",
        "x",
        "MiB",
        "reward",
        "KL",
        "limit",
    )
    print(f"{'system':14}" + "".join(f"{name:>11}" for name in header))
    for row in table.rows:
        cells = (
            f"{row.rollouts_per_second:.1f}",
            f"{row.samples_per_second:.1f}",
            f"{row.round_seconds:.2f}",
            _ratio(last.round_seconds, row.round_seconds),
            "never" if isnan(row.seconds_to_reward) else f"{row.seconds_to_reward:.1f}",
            _ratio(last.seconds_to_reward, row.seconds_to_reward),
            f"{row.peak_mebibytes:.0f}",
            f"{row.reward:.3f}",
            f"{row.kl:.3f}",
            f"{row.limit:.2f}",
        )
        print(f"{NAMES[row.system]:14}" + "".join(f"{cell:>11}" for cell in cells))


def _ratio(numerator: float, denominator: float) -> str:
    """The ratio of two times; a dash if one of them is not known."""
    return f"{numerator / denominator:.2f}" if denominator > 0 and isfinite(numerator) else "-"


def print_parts(runs: Sequence[Run]) -> None:
    """Print the share of each part of a round, over the runs whose parts were timed."""
    timed = [run.parts for run in runs if run.parts is not None]
    if not timed:
        return
    means = [fmean(values) for values in zip(*timed, strict=True)]
    shares = (f"{name} {value / sum(means):.1%}" for name, value in zip(RoundParts._fields, means, strict=True))
    print("built-in, one round: " + ", ".join(shares))


def plot(runs: Sequence[Run], path: Path) -> None:
    """Plot reward and KL over training time, one line for each seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, name, label in zip(axes, ("reward", "kl"), ("reward", "exact KL, nats per token"), strict=True):
        for number, system in enumerate(systems_of(runs)):
            for run in (run for run in runs if run.system == system):
                times, values = ([getattr(each, key) for each in run.evaluations] for key in ("seconds", name))
                axis.plot(times, values, color=f"C{number}", label=NAMES[system] if run.seed == 0 else None)
        axis.set_xlabel("seconds of training")
        axis.set_ylabel(label)
    axes[0].legend()
    figure.savefig(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON and a plot if asked to."""
    parser = argparse.ArgumentParser(description="PPO throughput and learning")
    parser.add_argument("--ground", choices=("subword", "corpus"), default="subword")
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    for name, kind in (("--one", str), ("--seed", int), ("--model", Path)):
        parser.add_argument(name, type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or ROUNDS[options.ground]
    if options.one:
        one_run(options)
        return
    systems = options.systems.split(",")
    if find_spec("trlx") is None and systems != ["builtin"]:
        print("trlX is not installed (install it from its repository): only the built-in backend is timed.")
        systems = ["builtin"]
    with tempfile.TemporaryDirectory() as folder:
        runs = measure(options, systems, Path(folder))
    table = table_of(runs)
    if options.json:
        record = {
            "target": table.target,
            "rows": [asdict(row) for row in table.rows],
            "runs": [asdict(run) for run in runs],
        }
        options.json.write_text(json.dumps(record, indent=1), encoding="utf-8")
    print(
        f"{options.ground}, {options.rounds} rounds, {options.seeds} seeds, {options.threads} thread(s); "
        "x: times as fast as the last row"
    )
    print_table(table)
    print_parts(runs)
    if options.plot:
        plot(runs, options.plot)


if __name__ == "__main__":
    main()
