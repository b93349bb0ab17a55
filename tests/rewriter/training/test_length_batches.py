"""Batches of prompts of about one length."""

from __future__ import annotations

import numpy as np

from untilclick.rewriter.training.length_batches import POOL, length_batches


def padding(lengths, batches) -> float:
    """Padded tokens as a multiple of the real ones."""
    return sum(len(rows) * max(lengths[row] for row in rows) for rows in batches) / sum(lengths)


def test_every_position_comes_once_and_no_batch_is_too_large():
    lengths = np.random.default_rng(0).integers(2, 60, 2 * POOL * 8 + 13).tolist()
    batches = length_batches(lengths, 8, np.random.default_rng(1))
    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    assert {len(rows) for rows in batches} == {8, 5}
    assert length_batches([], 8, np.random.default_rng(1)) == []


def test_long_prompts_share_batches_and_little_is_padded():
    """One prompt in twenty is ten times as long as the others: a random batch of 16 nearly always holds one."""
    rng = np.random.default_rng(0)
    lengths = np.where(rng.random(2000) < 0.05, 50, 5).tolist()
    at_random = np.array_split(rng.permutation(2000), 125)
    assert padding(lengths, at_random) > 3
    assert padding(lengths, length_batches(lengths, 16, rng)) < 1.3


def test_batches_differ_from_pass_to_pass_and_are_those_of_the_seed():
    lengths = [5, 6, 7, 8] * 50
    passes = [length_batches(lengths, 8, rng) for rng in [np.random.default_rng(3)] * 2]
    assert {frozenset(rows) for rows in passes[0]} != {frozenset(rows) for rows in passes[1]}
    assert length_batches(lengths, 8, np.random.default_rng(3)) == passes[0]


def test_short_prompts_do_not_come_before_long_ones():
    lengths = list(range(800))
    first = [float(np.mean(rows)) for rows in length_batches(lengths, 8, np.random.default_rng(0))]
    assert abs(np.corrcoef(first, np.arange(len(first)))[0, 1]) < 0.3
