"""How the steps of a training are shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Units = Callable[[int, int], None]
"""Called with the number of units done and their total."""
ShowProgress = Callable[[str], AbstractContextManager[Units]]
"""Shows the progress of a step under its name until the block ends."""


def steps(units: Units) -> Callable[[int, int, float], None]:
    """Turn Units into the callback of the training stages, which also pass a loss; the loss is not shown."""
    return lambda done, total, _loss: units(done, total)


def silently(_name: str) -> AbstractContextManager[Units]:
    """A `ShowProgress` that shows nothing."""
    return nullcontext(lambda _done, _total: None)
