"""From clicks on lists to advantages."""

from __future__ import annotations

import pytest
import torch

from untilclick.rewriter.policy.lists.plackett_luce import Lists
from untilclick.rewriter.training.ppo.list_returns import discounted_clicks, leave_one_out_by_rank, rewards_to_go


def test_a_click_is_worth_less_after_more_queries():
    rewards = discounted_clicks(torch.tensor([[1.0, 0.0], [0.5, 1.0]]), torch.tensor([0, 2]), 0.7)
    torch.testing.assert_close(rewards, torch.tensor([[1.0, 0.0], [0.245, 0.49]]))


def test_a_rank_is_paid_for_what_follows_it():
    lists = Lists(torch.tensor([[0, 1, 2], [2, 0, 1]]), torch.tensor([[True] * 3, [True, True, False]]))
    returns = rewards_to_go(torch.tensor([[1.0, 2.0, 4.0], [1.0, 2.0, 4.0]]), lists)
    assert returns.tolist() == [[7.0, 6.0, 4.0], [3.0, 2.0, 0.0]]


def test_the_baseline_is_the_mean_of_the_other_lists_at_the_same_rank():
    returns = torch.tensor([[3.0, 1.0], [0.0, 1.0], [0.0, 4.0], [5.0, 5.0], [5.0, 5.0], [5.0, 5.0]])
    advantages = leave_one_out_by_rank(returns, 3)
    assert advantages[:3].flatten().tolist() == pytest.approx([3.0, -1.5, -1.5, -1.5, -1.5, 3.0])
    assert not advantages[3:].any()
