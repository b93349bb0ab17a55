"""Soft cross-entropy training of the first decoder step: what the base and the warm start share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rewriter.policy import PromptBatch, T5Policy
from rewriter.pseudo_queries import SoftTarget


def pad_targets(targets: Sequence[SoftTarget]) -> tuple[Tensor, Tensor]:
    """(B, K) token ids and weights; shorter targets are padded with weight 0."""
    width = max(1, *(target.ids.size for target in targets))
    ids = torch.zeros(len(targets), width, dtype=torch.long)
    weights = torch.zeros(len(targets), width)
    for row, target in enumerate(targets):
        ids[row, : target.ids.size] = torch.from_numpy(target.ids)
        weights[row, : target.ids.size] = torch.from_numpy(target.weights)
    return ids, weights


def soft_cross_entropy(
    policy: T5Policy, batch: PromptBatch, ids: Tensor, weights: Tensor, offset: Tensor | float = 0.0
) -> Tensor:
    """() mean over the batch of -sum_t w_t log p(t | prompt), in nats, `offset` (V,) added to the logits. Nothing is
    banned here: learning that the query's own terms are not wanted costs nothing and keeps the softmax honest."""
    logits = policy.logits(policy.first_states(batch), torch.zeros(1, dtype=torch.bool))
    log_probs = torch.log_softmax(logits + offset, dim=-1)
    return -(log_probs.gather(1, ids) * weights).sum(1).mean()


class LinearWarmupDecay:
    """Learning rate: up over `warmup` steps, then down linearly to `floor` of the peak at `total` steps."""

    def __init__(self, optimizer: torch.optim.Optimizer, warmup: int, total: int, floor: float) -> None:
        def factor(step: int) -> float:
            return min(1.0, (step + 1) / warmup) * max(floor, 1.0 - (1.0 - floor) * step / max(total, 1))

        self._scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)

    def step(self) -> None:
        """Advance by one optimiser step."""
        self._scheduler.step()


def descend(loss: Tensor, model: nn.Module, optimizer: torch.optim.Optimizer, max_grad_norm: float = 1.0) -> float:
    """One optimiser step with gradient clipping; returns the loss as a number."""
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    return float(loss.detach())
