"""Masked means, KL and entropy by hand, and where tokens are banned."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from untilclick.rewriter.policy.distributions import entropy, exact_kl, masked_mean

N, T = 3, 4
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)
"""Sequences of four, two and one token."""


def tables(low: float = -3, high: float = 3):
    row = st.lists(st.floats(low, high, width=32), min_size=T, max_size=T)
    return st.lists(row, min_size=N, max_size=N).map(torch.tensor)


def log_distributions():
    logits = st.lists(st.floats(-8, 8, width=32), min_size=5, max_size=5)
    return logits.map(lambda values: torch.log_softmax(torch.tensor(values), dim=-1))


def test_masked_mean_ignores_padding_and_is_zero_without_tokens():
    values = torch.tensor([[1.0, 99.0], [3.0, -99.0]])
    mask = torch.tensor([[True, False], [True, False]])
    assert float(masked_mean(values, mask)) == 2.0
    assert float(masked_mean(values, torch.zeros_like(mask))) == 0.0


@settings(deadline=None, max_examples=40)
@given(tables(-1e3, 1e3))
def test_padding_never_changes_a_masked_mean(values):
    assert float(masked_mean(values, MASK)) == float(masked_mean(torch.where(MASK, values, 7.0), MASK))


def test_kl_by_hand_grows_as_the_policy_leaves_the_reference():
    """KL((.9, .1) || (.5, .5)) = .9 log 1.8 + .1 log .2. Another implementation reported .98 as 3.41, with the wrong
    sign."""
    policy, reference = torch.tensor([0.9, 0.1]).log(), torch.tensor([0.5, 0.5]).log()
    assert float(exact_kl(policy, reference)) == pytest.approx(0.9 * math.log(1.8) + 0.1 * math.log(0.2))
    nearer = torch.tensor([0.7, 0.3]).log()
    assert 0 < float(exact_kl(nearer, reference)) < float(exact_kl(policy, reference))


@settings(deadline=None, max_examples=40)
@given(log_distributions(), log_distributions())
def test_kl_is_never_negative_and_0_to_itself(policy, reference):
    assert float(exact_kl(policy, reference)) >= -1e-6
    assert float(exact_kl(policy, policy)) == 0


def test_banned_tokens_add_nothing_to_kl_and_entropy():
    banned = torch.log_softmax(torch.tensor([0.0, 1.0, -1e9]), dim=-1).requires_grad_(True)
    reference = torch.log_softmax(torch.tensor([1.0, 0.0, -1e9]), dim=-1)
    kl = exact_kl(banned, reference)
    assert float(kl.detach()) == pytest.approx(float(exact_kl(banned[:2], reference[:2]).detach()))
    assert float(entropy(banned).detach()) == pytest.approx(float(entropy(banned[:2]).detach()))
    (kl + entropy(banned)).backward()
    assert banned.grad is not None
    assert banned.grad.isfinite().all()


def test_entropy_of_a_uniform_distribution_is_log_n_and_of_a_certain_one_0():
    assert float(entropy(torch.full((8,), 1 / 8).log())) == pytest.approx(math.log(8))
    assert float(entropy(torch.log_softmax(torch.tensor([50.0, 0.0]), dim=-1))) == pytest.approx(0, abs=1e-6)
