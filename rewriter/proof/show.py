"""How the steps of a proof are shown."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

Units = Callable[[int, int], None]
"""Called with the number of units done and their total."""
ShowProgress = Callable[[str], AbstractContextManager[Units]]
"""Shows the progress of a step under its name until the block ends."""


def silently(_name: str) -> AbstractContextManager[Units]:
    """A `ShowProgress` that shows nothing."""
    return nullcontext(lambda _done, _total: None)
