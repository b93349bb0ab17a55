"""The formulas of PPO against hand-computed rows and plain loops."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from untilclick.rewriter.training.ppo import losses

N, T = 3, 4
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], dtype=torch.bool)
"""Sequences of four, two and one token."""


def tables(low: float = -3, high: float = 3):
    row = st.lists(st.floats(low, high, width=32), min_size=T, max_size=T)
    return st.lists(row, min_size=N, max_size=N).map(torch.tensor)


def close(computed: Tensor, expected: Tensor | list, tolerance: float = 1e-5) -> bool:
    return torch.allclose(computed, torch.as_tensor(expected), atol=tolerance, rtol=tolerance)


def test_whitened_real_tokens_have_mean_0_and_deviation_1_and_padding_is_0():
    """Another implementation whitened padding too: its real tokens had mean .47 and deviation .60."""
    values = torch.randn(N, T, generator=torch.Generator().manual_seed(0)) * 5 + 3
    white = losses.masked_whiten(torch.where(MASK, values, 1e3), MASK)
    assert float(white[MASK].mean()) == pytest.approx(0, abs=1e-6)
    assert float(white[MASK].std(unbiased=False)) == pytest.approx(1, abs=1e-5)
    assert (white[~MASK] == 0).all()


def test_whitening_equal_values_gives_zeros():
    assert losses.masked_whiten(torch.full((N, T), 2.5), MASK).abs().max() == 0


def test_the_score_lands_on_the_last_real_token_and_nowhere_else():
    """Training ignores a score on a masked position; in another implementation 95.9 % of sequences had theirs
    there."""
    rewards = losses.terminal_rewards(torch.tensor([5.0, 6.0, 7.0]), MASK)
    assert rewards.tolist() == [[0, 0, 0, 5], [0, 6, 0, 0], [7, 0, 0, 0]]


def test_a_sequence_without_tokens_gets_no_reward():
    assert losses.terminal_rewards(torch.tensor([5.0]), torch.zeros(1, T, dtype=torch.bool)).abs().sum() == 0


def test_advantages_by_hand():
    """One sequence, rewards 0 1, values .5 .25, gamma .5, lambda .5:
    delta_2 = 1 - .25 = .75, delta_1 = 0 + .5 * .25 - .5 = -.375, A_1 = -.375 + .25 * .75 = -.1875."""
    rewards, values = torch.tensor([[0.0, 1.0, 9.0]]), torch.tensor([[0.5, 0.25, 9.0]])
    mask = torch.tensor([[True, True, False]])
    advantages, returns = losses.generalised_advantages(rewards, values, mask, 0.5, 0.5)
    assert close(advantages, [[-0.1875, 0.75, 0.0]])
    assert close(returns, [[0.3125, 1.0, 0.0]])


def loop_advantages(rewards: Tensor, values: Tensor, gamma: float, lam: float) -> list[list[float]]:
    """The sum of equation 16 itself, sequence by sequence, without recursion."""
    table = [[0.0] * T for _ in range(N)]
    for n in range(N):
        length = int(MASK[n].sum())
        value = [float(values[n, t]) for t in range(length)] + [0.0]
        delta = [float(rewards[n, t]) + gamma * value[t + 1] - value[t] for t in range(length)]
        for t in range(length):
            table[n][t] = sum((gamma * lam) ** ahead * delta[t + ahead] for ahead in range(length - t))
    return table


@settings(deadline=None, max_examples=40)
@given(tables(), tables(), st.floats(0, 1), st.floats(0, 1))
def test_advantages_equal_a_plain_loop_for_sequences_of_different_length(rewards, values, gamma, lam):
    advantages, returns = losses.generalised_advantages(rewards, values, MASK, gamma, lam)
    assert close(advantages, loop_advantages(rewards, values, gamma, lam), 1e-4)
    assert close(returns, (advantages + values) * MASK)
    assert (advantages[~MASK] == 0).all()


@settings(deadline=None, max_examples=40)
@given(tables(), tables())
def test_with_gamma_and_lambda_1_the_return_is_the_sum_of_the_rewards_to_come(rewards, values):
    _, returns = losses.generalised_advantages(rewards, values, MASK, 1.0, 1.0)
    to_come = (rewards * MASK).flip(1).cumsum(1).flip(1) * MASK
    assert close(returns, to_come, 1e-4)


def test_leave_one_out_by_hand():
    scores = torch.tensor([[1.0, 2.0, 6.0], [4.0, 4.0, 4.0]])
    wanted = [[1 - 4.0, 2 - 3.5, 6 - 1.5], [0.0, 0.0, 0.0]]
    assert close(losses.leave_one_out(scores), wanted)


def test_group_centring_by_hand():
    """Two prompts of two samples; the first prompt's real advantages 1, 2, 6 have mean 3."""
    advantages = torch.tensor([[1.0, 2.0], [6.0, 0.0], [5.0, 5.0], [5.0, 5.0]])
    mask = torch.tensor([[True, True], [True, False], [True, True], [True, True]])
    assert losses.center_groups(advantages, mask, 2).tolist() == [[-2, -1], [3, 0], [0, 0], [0, 0]]


def test_policy_loss_by_hand_with_clipping_on_both_sides():
    """The ratios are 1.5, .5 and 1.1 with positive advantages, and 1.5 and .5 with negative ones; the last token is
    padding."""
    ratio = torch.tensor([[1.5, 0.5, 1.1], [1.5, 0.5, 4.0]])
    advantages = torch.tensor([[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]])
    mask = torch.tensor([[True, True, True], [True, True, False]])
    loss = losses.clipped_policy_loss(ratio.log(), torch.zeros(2, 3), advantages, mask, 0.2)
    assert float(loss.loss) == pytest.approx(-(1.2 + 0.5 + 1.1 - 1.5 - 0.8) / 5)
    assert float(loss.clip_share) == pytest.approx(4 / 5)
    assert float(loss.approx_kl) == pytest.approx(sum(r - 1 - math.log(r) for r in (1.5, 0.5, 1.1, 1.5, 0.5)) / 5)


@settings(deadline=None, max_examples=40)
@given(tables(-1, 1), tables(-1, 1), tables(), st.floats(0.05, 0.5))
def test_policy_loss_equals_a_plain_loop(log_probs, old, advantages, clip_range):
    total = 0.0
    for n in range(N):
        for t in range(int(MASK[n].sum())):
            ratio = math.exp(float(log_probs[n, t]) - float(old[n, t]))
            clipped = min(max(ratio, 1 - clip_range), 1 + clip_range)
            total -= min(ratio * float(advantages[n, t]), clipped * float(advantages[n, t]))
    loss = losses.clipped_policy_loss(log_probs, old, advantages, MASK, clip_range)
    assert float(loss.loss) == pytest.approx(total / int(MASK.sum()), abs=1e-4)
    assert float(loss.approx_kl) >= -1e-6


def test_a_clipped_token_has_no_gradient_and_an_unclipped_one_has():
    log_probs = torch.tensor([[math.log(1.5), math.log(1.1), math.log(0.5), math.log(0.5)]], requires_grad=True)
    advantages = torch.tensor([[1.0, 1.0, -1.0, 1.0]])
    mask = torch.ones(1, 4, dtype=torch.bool)
    losses.clipped_policy_loss(log_probs, torch.zeros(1, 4), advantages, mask, 0.2).loss.backward()
    assert log_probs.grad is not None
    assert (log_probs.grad != 0).tolist() == [[False, True, False, True]]


def test_value_loss_by_hand():
    """The old values are 0 and the clip range is .5. Squared errors without and with clipping, of which the larger
    counts: 1 and .25 (value 2, return 1), .64 and .64 (value .2, return 1), 1 and 6.25 (value 2, return 3)."""
    values, returns = torch.tensor([[2.0, 0.2, 2.0, 9.0]]), torch.tensor([[1.0, 1.0, 3.0, 0.0]])
    mask = torch.tensor([[True, True, True, False]])
    loss = losses.clipped_value_loss(values, torch.zeros(1, 4), returns, mask, 0.5)
    assert float(loss) == pytest.approx(0.5 * (1 + 0.64 + 6.25) / 3)


@settings(deadline=None, max_examples=40)
@given(tables(), tables(), tables(), st.floats(0.05, 1))
def test_value_loss_equals_a_plain_loop(values, old, returns, clip_range):
    total = 0.0
    for n in range(N):
        for t in range(int(MASK[n].sum())):
            value, before, wanted = (float(table[n, t]) for table in (values, old, returns))
            clipped = before + min(max(value - before, -clip_range), clip_range)
            total += 0.5 * max((value - wanted) ** 2, (clipped - wanted) ** 2)
    loss = losses.clipped_value_loss(values, old, returns, MASK, clip_range)
    assert float(loss) == pytest.approx(total / int(MASK.sum()), abs=1e-3, rel=1e-4)


@pytest.mark.parametrize(
    ("kl", "factor"),
    [(20.0, 1.02), (10.5, 1.005), (10.0, 1.0), (9.0, 0.99), (0.0, 0.98), (-5.0, 0.98)],
)
def test_too_much_kl_raises_the_coefficient_and_too_little_lowers_it(kl, factor):
    """The target is 10, the horizon 1000 and the number of rollouts 100; the error is clipped to +-.2."""
    controller = losses.KLController(0.5, target=10.0, horizon=1000)
    controller.update(kl, 100)
    assert controller.coefficient == pytest.approx(0.5 * factor)


def test_without_a_target_the_coefficient_is_fixed():
    controller = losses.KLController(0.5, target=None, horizon=1000)
    controller.update(99.0, 100)
    assert controller.coefficient == 0.5


def test_explained_variance_is_1_for_the_truth_0_for_a_constant_and_ignores_padding():
    returns = torch.tensor([[1.0, 3.0, 50.0], [5.0, -60.0, 70.0]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert losses.explained_variance(torch.where(mask, returns, 0.0), returns, mask) == pytest.approx(1)
    assert losses.explained_variance(torch.full((2, 3), 2.0), returns, mask) == pytest.approx(0)
    assert losses.explained_variance(returns / 2, returns, mask) == pytest.approx(0.75)
    assert math.isnan(losses.explained_variance(returns, torch.ones(2, 3), mask))
    assert math.isnan(losses.explained_variance(returns, returns, torch.zeros_like(mask)))
