"""PPO of a T5: the built-in backend, our trainer in trlX and trlX's own, on the same model, prompts and reward.

    python -m benchmarks.bench_ppo [--ground subword|corpus] [--systems builtin,trlx,stock] [--rounds N] [--seeds N]
                                   [--threads N] [--json FILE] [--plot FILE]

Each run has a process of its own; the systems take turns within each seed. Clocks stand still while reward and exact
KL are measured. trlX comes from its repository; where it is absent the built-in backend runs alone, and this says so.

`limit` is the share of a round's time that its matrix products would take at the rate at which this machine
multiplies two 1,024 x 1,024 matrices: at 1 nothing is left to be saved but the products themselves. `to .5` is the
training time until the highest reward that every run has reached, interpolated between evaluations. What differs
between the systems besides their code stands in `ppo_ground.py`.
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

from benchmarks.ppo_records import RoundParts, Row, Run, rows, systems_of

SYSTEMS = ("builtin", "trlx", "stock")
NAMES = {"builtin": "built-in", "trlx": "ours in trlX", "stock": "trlX's own"}
ROUNDS = {"subword": 20, "corpus": 20}
EVALUATIONS = 5
"""Of reward and KL, besides that of the start."""


def one_run(given: argparse.Namespace) -> None:
    """In a process of its own: train, and write what the clock says."""
    import torch

    from benchmarks.ppo_clock import multiply_rate
    from benchmarks.ppo_ground import open_ground
    from benchmarks.ppo_systems import run

    torch.set_num_threads(given.threads)
    ground = open_ground(given.ground, given.model, given.seed)
    rate = multiply_rate()
    with tempfile.TemporaryDirectory() as folder:
        clock = run(given.one, ground, given.rounds, max(1, given.rounds // EVALUATIONS), Path(folder))
    settings = ground.settings
    found = Run(
        given.one,
        given.seed,
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
    found.write(given.json)


def measure(given: argparse.Namespace, systems: Sequence[str], folder: Path) -> list[Run]:
    """All runs, each in a process; the systems take turns."""
    from benchmarks.ppo_ground import write_start

    runs = []
    for seed in range(given.seeds):
        model, path = folder / f"start-{seed}", folder / "run.json"
        write_start(given.ground, model, seed)
        for system in systems:
            command = [sys.executable, "-m", "benchmarks.bench_ppo", "--one", system, "--seed", str(seed)]
            command += ["--ground", given.ground, "--model", str(model), "--rounds", str(given.rounds)]
            command += ["--threads", str(given.threads), "--json", str(path)]
            environment = {**os.environ, "OMP_NUM_THREADS": str(given.threads), "TRLX_VERBOSITY": "ERROR"}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{system} with seed {seed} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
            runs.append(Run.read(json.loads(path.read_text(encoding="utf-8"))))
            print(
                f"{NAMES[system]}, seed {seed}: {runs[-1].round_seconds:.2f} s a round", file=sys.stderr, flush=True
            )
    return runs


def print_table(found: Sequence[Row], target: float) -> None:
    """The table of the comparison; ratios are to the last row."""
    last = found[-1]
    header = ("rollouts/s", "samples/s", "s a round", "x", f"to {target:.3f}", "x", "MiB", "reward", "KL", "limit")
    print(f"{'system':14}" + "".join(f"{name:>11}" for name in header))
    for row in found:
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


def _ratio(of: float, to: float) -> str:
    """How many times `to` goes into `of`; a dash where that means nothing."""
    return f"{of / to:.2f}" if to > 0 and isfinite(of) else "-"


def print_parts(runs: Sequence[Run]) -> None:
    """Shares of a round of those runs that were taken apart."""
    taken = [run.parts for run in runs if run.parts is not None]
    if not taken:
        return
    means = [fmean(values) for values in zip(*taken, strict=True)]
    shares = (f"{name} {value / sum(means):.1%}" for name, value in zip(RoundParts._fields, means, strict=True))
    print("built-in, one round: " + ", ".join(shares))


def plot(runs: Sequence[Run], path: Path) -> None:
    """Reward and KL over training time, one line a seed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, name, label in zip(axes, ("reward", "kl"), ("reward", "exact KL, nats per token"), strict=True):
        for number, system in enumerate(systems_of(runs)):
            for run in (run for run in runs if run.system == system):
                times, values = ([getattr(one, key) for one in run.evaluations] for key in ("seconds", name))
                axis.plot(times, values, color=f"C{number}", label=NAMES[system] if run.seed == 0 else None)
        axis.set_xlabel("seconds of training")
        axis.set_ylabel(label)
    axes[0].legend()
    figure.savefig(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a table, and write JSON and a plot where asked."""
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
    given = parser.parse_args(arguments)
    given.rounds = given.rounds or ROUNDS[given.ground]
    if given.one:
        one_run(given)
        return
    systems = given.systems.split(",")
    if find_spec("trlx") is None and systems != ["builtin"]:
        print("trlX is not installed (it comes from its repository): only the built-in backend is timed.")
        systems = ["builtin"]
    with tempfile.TemporaryDirectory() as folder:
        runs = measure(given, systems, Path(folder))
    found, target = rows(runs)
    if given.json:
        own = {"rows": [asdict(row) for row in found], "runs": [asdict(run) for run in runs]}
        given.json.write_text(json.dumps({"target": target, **own}, indent=1), encoding="utf-8")
    print(
        f"{given.ground}, {given.rounds} rounds, {given.seeds} seeds, {given.threads} thread(s); ratios to the last"
    )
    print_table(found, target)
    print_parts(runs)
    if given.plot:
        plot(runs, given.plot)


if __name__ == "__main__":
    main()
