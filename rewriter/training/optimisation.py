"""The optimiser step and the learning-rate schedule of all supervised training."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class LinearWarmupDecay:
    """A learning rate that rises linearly over `warmup` steps and falls linearly to `floor` of its peak at step
    `total`."""

    def __init__(self, optimizer: torch.optim.Optimizer, warmup: int, total: int, floor: float) -> None:
        def factor(step: int) -> float:
            return min(1.0, (step + 1) / warmup) * max(floor, 1.0 - (1.0 - floor) * step / max(total, 1))

        self._scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def step(self) -> None:
        """Advance by one optimiser step."""
        self._scheduler.step()


def descend(loss: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, max_grad_norm: float = 1.0) -> float:
    """Take one optimiser step on a loss () with gradients clipped at `max_grad_norm`; returns the loss."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    return float(loss.detach())
