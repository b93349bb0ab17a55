"""Choices drawn from a numpy Generator, for code that makes a few of them at a time.

`Generator.choice` costs tens of microseconds a call, which is what a simulated user may take for a whole query.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(options: Sequence[T], rng: np.random.Generator) -> T:
    """One of the options, all equally likely. Raises IndexError when there is none."""
    return options[int(rng.random() * len(options))]


def pick_weighted(options: Sequence[T], weights: Sequence[float], rng: np.random.Generator) -> T:
    """One of the options with probability in proportion to its weight (>= 0, not all 0)."""
    sums = list(accumulate(weights))
    return options[min(bisect_right(sums, rng.random() * sums[-1]), len(options) - 1)]
