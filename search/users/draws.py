"""Random choices of a single option by a numpy Generator.

`Generator.choice` takes tens of microseconds per call, as long as everything else that a simulated user does for a
query.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def pick(options: Sequence[T], rng: np.random.Generator) -> T:
    """One of the options, all equally likely. Raises IndexError if there are none."""
    return options[int(rng.random() * len(options))]


def pick_weighted(options: Sequence[T], weights: Sequence[float], rng: np.random.Generator) -> T:
    """One of the options, with probability proportional to its weight. Weights are >= 0 and not all 0."""
    sums = list(accumulate(weights))
    # Rounding may lift the product to the last sum itself, hence the minimum.
    return options[min(bisect_right(sums, rng.random() * sums[-1]), len(options) - 1)]
