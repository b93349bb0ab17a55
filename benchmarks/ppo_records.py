"""Records of the comparison of PPOs: one run, and the table with a row for each system."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, isinf, isnan, nan
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple


class Quality(NamedTuple):
    """How good a policy is, and how far it has moved."""

    reward: float
    """Mean reward of its sequences."""
    kl: float
    """Exact KL to the start in nats; see `Ground.evaluate`."""


class Evaluation(NamedTuple):
    """The policy after some rounds of training."""

    rounds: int
    seconds: float
    """Training time of these rounds."""
    reward: float
    """See `Quality.reward`."""
    kl: float
    """See `Quality.kl`."""


class RoundParts(NamedTuple):
    """Seconds that each part of one round takes."""

    draw: float
    """Sampling sequences from the policy."""
    reference: float
    """Log-probabilities of the sequences under the reference."""
    reward: float
    """Rewards of the sequences."""
    forward: float
    """Forward passes and losses of all updates."""
    backward: float
    """Backward passes of all updates."""
    step: float
    """Steps of the optimiser in all updates."""


@dataclass(frozen=True)
class Run:
    """One system with one seed."""

    system: str
    seed: int
    sequences: int
    """Number of sequences drawn in a round."""
    epochs: int
    """Passes over the sequences of a round."""
    rollout_seconds: tuple[float, ...]
    """Time of the rollouts, for each round."""
    update_seconds: tuple[float, ...]
    """Time of the updates, for each round."""
    evaluations: tuple[Evaluation, ...]
    peak_bytes: int
    """Peak memory in training: of the accelerator, or without one of the whole process with its libraries."""
    operations: int
    """Floating-point operations of the matrix products of one round."""
    multiply_rate: float
    """Floating-point operations per second in products of large matrices."""
    parts: RoundParts | None
    """Time of each part of a round; None for loops inside trlX, whose parts cannot be timed."""

    @property
    def round_seconds(self) -> float:
        """Median time of a round."""
        return median(map(sum, zip(self.rollout_seconds, self.update_seconds, strict=True)))

    def seconds_to(self, reward: float) -> float:
        """Training time until this reward, interpolated linearly between evaluations; NaN if it is not reached."""
        before = self.evaluations[0]
        for after in self.evaluations:
            if after.reward >= reward:
                rise = after.reward - before.reward
                share = (reward - before.reward) / rise if rise > 0 else 1.0
                return before.seconds + share * (after.seconds - before.seconds)
            before = after
        return float("nan")

    def write(self, path: Path) -> None:
        """Write the run as JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Run:  # Any: JSON
        """Read the content of a file that `write` wrote."""
        evaluations = tuple(Evaluation(*values) for values in content["evaluations"])
        parts = None if content["parts"] is None else RoundParts(*content["parts"])
        times = {name: tuple(content[name]) for name in ("rollout_seconds", "update_seconds")}
        return cls(**{**content, **times, "evaluations": evaluations, "parts": parts})


@dataclass(frozen=True)
class Row:
    """One system over all seeds: means of reward and KL, medians of all other figures."""

    system: str
    rollouts_per_second: float
    """Sequences per second of rollouts; rollouts include rewards and the reference."""
    samples_per_second: float
    """Sequences times epochs, per second of updates."""
    round_seconds: float
    seconds_to_reward: float
    """Training time until the target; NaN if the median run does not reach it."""
    peak_mebibytes: float
    """See `Run.peak_bytes`."""
    reward: float
    """Reward at the end."""
    kl: float
    """KL at the end, in nats."""
    limit: float
    """Share of a round's time that its matrix products take at the machine's best rate, 0..1."""


class Table(NamedTuple):
    """The comparison of the systems."""

    rows: list[Row]
    """One row for each system."""
    target: float
    """Highest reward that every run has reached."""


def systems_of(runs: Sequence[Run]) -> list[str]:
    """Names of the systems, in the order in which they ran."""
    return list(dict.fromkeys(run.system for run in runs))


def table_of(runs: Sequence[Run]) -> Table:
    """Compare the systems.

    The target ignores systems of which a run never rose above the rewards at the start, unless that holds for all.
    """
    by_system = [[run for run in runs if run.system == system] for system in systems_of(runs)]
    highest_start = max(run.evaluations[0].reward for run in runs)
    reached = [min(max(each.reward for each in run.evaluations) for run in same_system) for same_system in by_system]
    target = min([reward for reward in reached if reward > highest_start] or reached)
    return Table([_row(same_system, target) for same_system in by_system], target)


def _row(runs: Sequence[Run], target: float) -> Row:
    return Row(
        runs[0].system,
        median(run.sequences / median(run.rollout_seconds) for run in runs),
        median(run.sequences * run.epochs / median(run.update_seconds) for run in runs),
        median(run.round_seconds for run in runs),
        _median_or_never([run.seconds_to(target) for run in runs]),
        median(run.peak_bytes for run in runs) / 2**20,
        fmean(run.evaluations[-1].reward for run in runs),
        fmean(run.evaluations[-1].kl for run in runs),
        median(run.operations / run.multiply_rate / run.round_seconds for run in runs),
    )


def _median_or_never(seconds: Sequence[float]) -> float:
    """The median, in which NaN counts as the slowest run; NaN if the median is such a run."""
    middle = median(inf if isnan(value) else value for value in seconds)
    return nan if isinf(middle) else middle
