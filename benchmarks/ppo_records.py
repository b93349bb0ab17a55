"""What the comparison of PPOs records: one run, and one row over all seeds of a system."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, isinf, isnan, nan
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple


class Evaluation(NamedTuple):
    """The policy after some rounds."""

    rounds: int
    seconds: float
    """Of training until then."""
    reward: float
    kl: float
    """Exact, to the start, nats; see `Ground.evaluate`."""


class RoundParts(NamedTuple):
    """Seconds of one round by part."""

    draw: float
    """Sequences from the policy."""
    reference: float
    """Their log-probabilities under the reference."""
    reward: float
    forward: float
    """Of all updates of the round, the loss included."""
    backward: float
    step: float
    """Of the optimiser."""


@dataclass(frozen=True)
class Run:
    """One system with one seed."""

    system: str
    seed: int
    sequences: int
    """Rollouts of a round."""
    epochs: int
    rollout_seconds: tuple[float, ...]
    update_seconds: tuple[float, ...]
    evaluations: tuple[Evaluation, ...]
    peak_bytes: int
    """Of the whole process in training, libraries included; of the accelerator's memory where there is one."""
    operations: int
    """Floating-point operations of a round's matrix products."""
    multiply_rate: float
    """Floating-point operations a second in large products."""
    parts: RoundParts | None
    """Where the loop is ours to take apart."""

    @property
    def round_seconds(self) -> float:
        """Median."""
        return median(map(sum, zip(self.rollout_seconds, self.update_seconds, strict=True)))

    def seconds_to(self, reward: float) -> float:
        """Training time until this reward, linear between evaluations; NaN where it is not reached."""
        before = self.evaluations[0]
        for one in self.evaluations:
            if one.reward >= reward:
                rise = one.reward - before.reward
                share = (reward - before.reward) / rise if rise > 0 else 1.0
                return before.seconds + share * (one.seconds - before.seconds)
            before = one
        return float("nan")

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Run:  # Any: JSON
        """What `write` wrote."""
        evaluations = tuple(Evaluation(*one) for one in content["evaluations"])
        parts = None if content["parts"] is None else RoundParts(*content["parts"])
        times = {name: tuple(content[name]) for name in ("rollout_seconds", "update_seconds")}
        return cls(**{**content, **times, "evaluations": evaluations, "parts": parts})


@dataclass(frozen=True)
class Row:
    """One system over all seeds; medians but for reward and KL, which are means."""

    system: str
    rollouts_per_second: float
    """Sequences drawn, rewards and reference included, per second of rollouts."""
    samples_per_second: float
    """Sequences times epochs per second of updates."""
    round_seconds: float
    seconds_to_reward: float
    """Until the target; NaN where the median run does not reach it."""
    peak_mebibytes: float
    """See `Run.peak_bytes`."""
    reward: float
    """At the end."""
    kl: float
    """At the end, nats."""
    limit: float
    """Share of a round that its matrix products take at the machine's best rate, 0..1."""


def systems_of(runs: Sequence[Run]) -> list[str]:
    """In the order in which they ran."""
    return list(dict.fromkeys(run.system for run in runs))


def rows(runs: Sequence[Run]) -> tuple[list[Row], float]:
    """A row for each system, and the reward that every run has reached; systems that never rose above where runs
    begin are left out of that, unless none did."""
    by_system = [[run for run in runs if run.system == system] for system in systems_of(runs)]
    highest_start = max(run.evaluations[0].reward for run in runs)
    reached = [min(max(one.reward for one in run.evaluations) for run in own) for own in by_system]
    target = min([reward for reward in reached if reward > highest_start] or reached)
    return [_row(own, target) for own in by_system], target


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
    """The median, runs that did not get there counted as the slowest; NaN where it is one of those."""
    found = median(inf if isnan(one) else one for one in seconds)
    return nan if isinf(found) else found
