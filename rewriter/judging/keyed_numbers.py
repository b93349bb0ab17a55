"""The keyed numbers of many texts, as arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.judging.sides import SplitKey


def keyed_numbers(key: SplitKey, purpose: str, texts: Iterable[str]) -> NDArray[np.uint64]:
    """(n,) the numbers of some texts, see `SplitKey.number`."""
    return np.fromiter((key.number(purpose, text) for text in texts), dtype=np.uint64)


def keyed_positions(key: SplitKey, purpose: str, texts: Iterable[str]) -> NDArray[np.float64]:
    """(n,) the numbers of some texts in [0, 1)."""
    numbers = keyed_numbers(key, purpose, texts)
    return (numbers >> np.uint64(11)).astype(np.float64) * 2.0**-53  # as random.random does
