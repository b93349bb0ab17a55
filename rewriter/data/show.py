"""How the steps of a training are shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol


class Units(Protocol):
    """Shows how far a step has come."""

    def __call__(self, done: int, total: int, part: str = "") -> None:
        """`done` of `total` units are done; a total of 0 means that it is unknown. `part` names what is done now, if
        the step has several parts."""


ShowProgress = Callable[[str], AbstractContextManager[Units]]
"""Shows the progress of a step under its name until the block ends."""


class Steps(Protocol):
    """Shows how far a training has come."""

    def __call__(self, done: int, total: int, loss: float, /, part: str = "") -> None:
        """As `Units`, with the last loss (supervised stages) or mean reward (PPO)."""


def steps(units: Units) -> Steps:
    """Turn Units into the callback of the training stages, which also pass a loss; the loss is not shown."""
    return lambda done, total, _loss, part="": units(done, total, part)


def unseen(done: int, total: int, part: str = "") -> None:
    """`Units` that show nothing."""


def silently(_name: str) -> AbstractContextManager[Units]:
    """A `ShowProgress` that shows nothing."""
    return nullcontext(unseen)


@dataclass
class Count:
    """Shows one unit after the other."""

    units: Units
    total: int
    """Number of units."""
    part: str = ""
    """Name of what is done."""
    done: int = 0

    def one(self) -> None:
        """Another unit is done."""
        self.done += 1
        self.units(self.done, self.total, self.part)
