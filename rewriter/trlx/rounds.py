"""The metrics of a round of PPO in trlX, under the names and with the meaning that the built-in trainer gives them.

trlX reports steps; here they are gathered into one row a round, so that the curves of both backends can be laid side
by side. What differs is named in `docs/training.md`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

FIRST_STEP = ("kl", "entropy")
"""Taken from the first step of a round, before it has moved anything; all others are of the last one."""


@dataclass
class Round:
    """One round while it goes on."""

    start: int
    """Optimiser steps before it."""
    length: int
    """Optimiser steps of it; 0 where it is skipped."""
    rolled: dict[str, float]
    """What the rollouts look like, means over all processes."""
    drawn: int
    """Sequences of it, over all processes."""
    rollout_seconds: float
    steps: dict[int, dict[str, float]] = field(default_factory=dict)
    """Number of the step -> parts of the loss, this process's share of their means."""
    began: float = field(default_factory=time.perf_counter)
    aside: float = 0.0
    """Seconds that evaluations and checkpoints took."""

    @property
    def skipped(self) -> bool:
        """Whether the rewards said nothing, so that nothing was learned."""
        return self.length == 0

    def add(self, step: int, parts: dict[str, float], share: float) -> None:
        """Add a micro-batch that has this share of its step's tokens."""
        totals = self.steps.setdefault(step, dict.fromkeys(parts, 0.0))
        for name, value in parts.items():
            totals[name] += value * share

    def losses(self) -> dict[str, float]:
        """Parts of the loss, this process's share of their means; empty for a round that was skipped."""
        if not self.steps:
            return {}
        first, last = self.steps[min(self.steps)], self.steps[max(self.steps)]
        return {name: (first if name in FIRST_STEP else last)[name] for name in last}

    def seconds(self) -> float:
        """Seconds of the updates so far, without evaluations and checkpoints."""
        return time.perf_counter() - self.began - self.aside

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Leave the time of a block out of `seconds`."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.aside += time.perf_counter() - began
