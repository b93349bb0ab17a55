"""How the steps of a training are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import NamedTuple, Protocol


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

    def advance(self) -> None:
        """Another unit is done."""
        self.done += 1
        self.units(self.done, self.total, self.part)


class Part(NamedTuple):
    """A part of a step."""

    name: str
    work: int
    """Work that it is expected to take, in a unit that all parts share."""


class Parts:
    """One progress over the parts of a step, as a `ShowProgress` for each of them. A part that is left out takes its
    work from the total."""

    def __init__(self, units: Units, planned: Sequence[Part]) -> None:
        """`planned` are the parts in the order in which they come."""
        self._units, self._left, self._done, self._name = units, list(planned), 0, ""

    def replan(self, planned: Sequence[Part]) -> None:
        """These parts are left, in place of those that were planned."""
        self._left = list(planned)
        self._units(self._done, self._total, self._name)

    @property
    def _total(self) -> int:
        """The work that is done, and of the parts that are left."""
        return self._done + sum(part.work for part in self._left)

    @contextmanager
    def __call__(self, name: str) -> Iterator[Units]:
        """Show the next part of this name; one that was not planned is expected to take no work."""
        if any(part.name == name for part in self._left):
            while self._left[0].name != name:
                self._left.pop(0)
            part = self._left[0]
        else:
            self._left.insert(0, part := Part(name, 0))
        self._name, before, total = name, self._done, self._total
        self._units(before, total, name)
        yield lambda done, of, _part="": self._units(before + (part.work * done // of if of else 0), total, name)
        self._left.pop(0)
        self._done += part.work
        self._units(self._done, total, name)
