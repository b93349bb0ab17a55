"""The clock of a PPO run: time of rollouts and updates of each round, peak memory, and evaluations during training.

Evaluations of reward and KL do not count as training time.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.ppo_records import Evaluation, Quality, RoundParts


@dataclass
class RoundClock:
    """Times and evaluations of a run, which the run fills in."""

    evaluate: Callable[[], Quality]
    """Measures the present policy."""
    limit: int
    """Number of rounds to run."""
    every: int
    """Number of rounds between evaluations."""
    rollout_seconds: list[float] = field(default_factory=list)
    """Time of the rollouts, for each round."""
    update_seconds: list[float] = field(default_factory=list)
    """Time of the updates, for each round."""
    evaluations: list[Evaluation] = field(default_factory=list)
    peak_bytes: int = 0
    """Peak memory of the training rounds, without evaluations."""
    operations: int = 0
    """Floating-point operations of the matrix products of one extra round."""
    parts: RoundParts | None = None
    """Time of each part of a round; None for loops inside trlX, whose parts cannot be timed."""

    def start(self) -> None:
        """Evaluate the policy before the first round."""
        self._evaluate()

    @property
    def done(self) -> bool:
        """True after the last round."""
        return len(self.update_seconds) >= self.limit

    def add(self, rollout_seconds: float, update_seconds: float) -> None:
        """Record a finished round, and evaluate the policy if it is time to."""
        self.rollout_seconds.append(rollout_seconds)
        self.update_seconds.append(update_seconds)
        self.peak_bytes = max(self.peak_bytes, peak_memory())
        if len(self.update_seconds) % self.every == 0 or self.done:
            self._evaluate()

    def _evaluate(self) -> None:
        seconds = sum(self.rollout_seconds) + sum(self.update_seconds)
        self.evaluations.append(Evaluation(len(self.update_seconds), seconds, *self.evaluate()))
        reset_peak_memory()


class EndOfRun(Exception):  # noqa: N818  it signals the end and is not an error
    """Raised inside trlX's loop to leave it; trlX offers no other way."""


class LoopClock:
    """Times a loop that calls us only for its rollouts: the time until its next rollouts is the update."""

    def __init__(self, clock: RoundClock) -> None:
        self._clock = clock
        self._rolled: float | None = None
        self._since = 0.0
        self._counter: FlopCounterMode | None = None

    def rollouts(self, draw: Callable[[], None]) -> None:
        """Draw the rollouts of the next round.

        After the last round an extra one runs, whose operations are counted; then EndOfRun is raised.
        """
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._clock.operations = self._counter.get_total_flops()
            raise EndOfRun
        if self._rolled is None:
            self._clock.start()
        else:
            self._clock.add(self._rolled, time.perf_counter() - self._since)
        if self._clock.done:
            self._counter = FlopCounterMode(display=False)
            self._counter.__enter__()
        began = time.perf_counter()
        draw()
        self._since = time.perf_counter()
        self._rolled = self._since - began


def peak_memory() -> int:
    """Peak memory in bytes since `reset_peak_memory`: of the accelerator, or without one of the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def reset_peak_memory() -> None:
    """Start a new measurement of peak memory, if the system supports that."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    clear = Path("/proc/self/clear_refs")
    if clear.is_file():
        clear.write_text("5", encoding="utf-8")  # 5 resets VmHWM, the peak resident memory


def multiply_rate() -> float:
    """Highest rate of this machine in products of large float32 matrices, in floating-point operations per second.

    An accelerator multiplies larger matrices, many times per measurement, because each measurement waits for it.
    """
    cuda = torch.cuda.is_available()
    n, products = (8192, 20) if cuda else (1024, 1)
    left, right = (torch.randn(n, n, device="cuda" if cuda else "cpu") for _ in range(2))
    times = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(products):
            out = left @ right
        out[0, 0].item()  # waits for the accelerator
        times.append(time.perf_counter() - started)
    return 2.0 * n**3 * products / min(times)  # a product has n^3 multiplications and as many additions
