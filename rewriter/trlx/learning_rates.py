"""Learning rates of their own for some weights: trlX gives one to all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def separate(optimizer: torch.optim.Optimizer, weights: Sequence[nn.Parameter], learning_rate: float) -> None:
    """Move weights from the optimiser's first group to a new group with this learning rate. Weights without gradient
    are only taken out of the first group. Does nothing without weights."""
    if not weights:
        return
    separated = {id(weight) for weight in weights}
    group = optimizer.param_groups[0]
    group["params"] = [weight for weight in group["params"] if id(weight) not in separated]
    trained = [weight for weight in weights if weight.requires_grad]
    optimizer.add_param_group({"params": trained, "lr": learning_rate})
