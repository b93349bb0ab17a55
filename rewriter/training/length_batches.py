"""Batches of prompts of similar length. A prompt that contains a session is several times as long as most prompts. In
a random batch every prompt would be padded to the longest one, and padding costs as much as words do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POOL = 16
"""Number of batches whose prompts are sorted together."""


def length_batches(lengths: Sequence[int], size: int, rng: np.random.Generator) -> list[list[int]]:
    """Split the positions 0..n-1 into batches of `size`; each position occurs once, and the last batch of the last
    pool may be smaller. Empty for no length.

    All positions are drawn in random order, each pool of `POOL` batches is sorted by length and cut, and the batches
    are shuffled: which prompts share a batch, and when a batch comes, stays random.
    """
    order = rng.permutation(len(lengths))  # (n,)
    length_of = np.asarray(lengths, dtype=np.int64)  # (n,)
    batches = []
    for start in range(0, len(order), POOL * size):
        pool = order[start : start + POOL * size]
        by_length = pool[np.argsort(length_of[pool], kind="stable")]
        batches += [by_length[at : at + size].tolist() for at in range(0, len(pool), size)]
    return [batches[number] for number in rng.permutation(len(batches))]
