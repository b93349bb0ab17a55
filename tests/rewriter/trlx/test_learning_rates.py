"""Groups of weights with separate learning rates."""

from __future__ import annotations

import torch
from torch import nn

from untilclick.rewriter.trlx.learning_rates import separate


def test_separated_weights_move_to_a_group_with_their_own_rate():
    trunk, head, frozen = (nn.Parameter(torch.zeros(2), requires_grad=grad) for grad in (True, True, False))
    optimizer = torch.optim.SGD([trunk, head, frozen], lr=0.1)
    separate(optimizer, [head, frozen], 0.5)
    assert [(len(group["params"]), group["lr"]) for group in optimizer.param_groups] == [(1, 0.1), (1, 0.5)]
    assert optimizer.param_groups[0]["params"][0] is trunk
    assert optimizer.param_groups[1]["params"][0] is head


def test_without_weights_the_optimiser_stays_as_it_is():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(2))], lr=0.1)
    separate(optimizer, [], 0.5)
    assert len(optimizer.param_groups) == 1
