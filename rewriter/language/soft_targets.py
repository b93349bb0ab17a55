"""Targets of supervised training: distributions over a few terms or a few documents. No torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class SoftTarget(NamedTuple):
    """A distribution over a few tokens, or over a few documents."""

    ids: NDArray[np.int64]
    """(K,) token ids, or rows of the corpus."""
    weights: NDArray[np.float32]
    """(K,) weights that sum to 1."""
