"""The clock of a PPO run: seconds of rollouts and updates round by round, peak memory, and reward and KL on the way,
which are measured while the clock stands still."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.ppo_records import Evaluation, RoundParts


@dataclass
class RoundClock:
    """Filled in by a run."""

    evaluate: Callable[[], tuple[float, float]]
    """Reward and KL of the present policy."""
    limit: int
    """Rounds to run."""
    every: int
    """Rounds between evaluations."""
    rollout_seconds: list[float] = field(default_factory=list)
    update_seconds: list[float] = field(default_factory=list)
    evaluations: list[Evaluation] = field(default_factory=list)
    peak_bytes: int = 0
    """Largest memory of a training round, evaluations left out."""
    operations: int = 0
    """Floating-point operations of one more round, in matrix products."""
    parts: RoundParts | None = None
    """Of a round, where the loop is ours to take apart."""

    def start(self) -> None:
        """Before the first round."""
        self._evaluate()

    @property
    def done(self) -> bool:
        """Whether all rounds have been run."""
        return len(self.update_seconds) >= self.limit

    def add(self, rollout_seconds: float, update_seconds: float) -> None:
        """A round has ended."""
        self.rollout_seconds.append(rollout_seconds)
        self.update_seconds.append(update_seconds)
        self.peak_bytes = max(self.peak_bytes, peak_memory())
        if len(self.update_seconds) % self.every == 0 or self.done:
            self._evaluate()

    def _evaluate(self) -> None:
        seconds = sum(self.rollout_seconds) + sum(self.update_seconds)
        self.evaluations.append(Evaluation(len(self.update_seconds), seconds, *self.evaluate()))
        reset_peak_memory()


class EndOfRun(Exception):  # noqa: N818  it is no error
    """Raised inside trlX's loop, which cannot be left otherwise."""


class LoopClock:
    """Times a loop that only tells when it begins its rollouts: what comes after them is the update."""

    def __init__(self, clock: RoundClock) -> None:
        self._clock = clock
        self._rolled: float | None = None
        self._since = 0.0
        self._counter: FlopCounterMode | None = None

    def rollouts(self, draw: Callable[[], None]) -> None:
        """Draw the rollouts of the next round. Raises EndOfRun after the last round and one whose operations are
        counted."""
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
    """Bytes of the largest extent since `reset_peak_memory`: of the accelerator or, without one, the process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if not status.is_file():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def reset_peak_memory() -> None:
    """Forget earlier peaks, where the system can."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    clear = Path("/proc/self/clear_refs")
    if clear.is_file():
        clear.write_text("5", encoding="utf-8")


def multiply_rate() -> float:
    """Floating-point operations a second in products of large float32 matrices, the best of several: what this
    machine does at most. Products on an accelerator are larger and many to a measurement, which waits once."""
    cuda = torch.cuda.is_available()
    n, products = (8192, 20) if cuda else (1024, 1)
    left, right = (torch.randn(n, n, device="cuda" if cuda else "cpu") for _ in range(2))
    times = []
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(products):
            out = left @ right
        out[0, 0].item()
        times.append(time.perf_counter() - started)
    return 2.0 * n**3 * products / min(times)
