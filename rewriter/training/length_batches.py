"""Batches of prompts of about one length. A prompt with a session before it is several times as long as most; in a
random batch every other one would be padded to it, and padding costs as much as words do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POOL = 16
"""Batches whose prompts are sorted together."""


def length_batches(lengths: Sequence[int], size: int, rng: np.random.Generator) -> list[list[int]]:
    """Positions 0..n-1 in batches of `size`, the last one smaller where they do not fill it; each position once.

    All are drawn in random order, `POOL` batches at a time sorted by length and cut, and the batches shuffled, so
    that what shares a batch and when it comes stays random. Empty for no length.
    """
    order = rng.permutation(len(lengths))
    measured = np.asarray(lengths, dtype=np.int64)
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        by_length = pool[np.argsort(measured[pool], kind="stable")]
        batches += [by_length[at : at + size].tolist() for at in range(0, len(pool), size)]
    return [batches[number] for number in rng.permutation(len(batches))]
