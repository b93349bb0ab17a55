"""The metrics of a round of PPO in trlX, with the names and the meaning that they have in the built-in trainer.

trlX reports steps. Here they are collected into one row per round, so that the curves of both backends can be
compared. `docs/training.md` lists the differences.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from untilclick.rewriter.training.ppo.objective import FIRST_STEP_METRICS


@dataclass
class Round:
    """A round in progress."""

    start: int
    """Optimiser steps before the round."""
    length: int
    """Optimiser steps of the round; 0 if it is skipped."""
    experience: dict[str, float]
    """`experience_metrics` of the rollouts, means over all processes."""
    drawn: int
    """Sequences of the round, over all processes."""
    rollout_seconds: float
    steps: dict[int, dict[str, float]] = field(default_factory=dict)
    """Number of the step -> parts of the loss: this process's share of means over all processes."""
    began: float = field(default_factory=time.perf_counter)
    aside: float = 0.0
    """Seconds spent on evaluations and checkpoints."""

    @property
    def skipped(self) -> bool:
        """Whether the weights stay as they are, because all samples of each prompt have equal rewards."""
        return self.length == 0

    def add(self, step: int, parts: dict[str, float], share: float) -> None:
        """Add a micro-batch with its share of the step's tokens."""
        totals = self.steps.setdefault(step, dict.fromkeys(parts, 0.0))
        for name, value in parts.items():
            totals[name] += value * share

    def losses(self) -> dict[str, float]:
        """Parts of the loss: this process's share of means over all processes. Empty for a skipped round."""
        if not self.steps:
            return {}
        first, last = self.steps[min(self.steps)], self.steps[max(self.steps)]
        return {name: (first if name in FIRST_STEP_METRICS else last)[name] for name in last}

    def totals(self, kl_coef: float, rollouts: int) -> dict[str, float]:
        """The metrics that are not means over sequences or tokens, at the end of the round. `kl_coef` is the weight
        of the KL from now on, `rollouts` the number of sequences drawn so far."""
        return {
            "skipped": float(self.skipped),
            "kl_coef": kl_coef,
            "rollouts": float(rollouts),
            "rollout_seconds": self.rollout_seconds,
            "update_seconds": self.seconds(),
        }

    def seconds(self) -> float:
        """Seconds spent on updates so far, without evaluations and checkpoints."""
        return time.perf_counter() - self.began - self.aside

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Exclude the time of a block from `seconds`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.aside += time.perf_counter() - began
