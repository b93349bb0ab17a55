"""Log-probabilities of chosen tokens under a large vocabulary, without keeping more than their gradient needs.

With 32,000 subwords the output layer is most of a small T5: its products are three quarters of an update, and what
`log_softmax` and `gather` read and write besides costs half as much again. Here the softmax is normalised a block of
rows at a time, and the backward pass goes from log-probabilities to the gradients of states and embedding at once.
Blocks stay small enough for the allocator to keep their memory: pages of larger ones come from the system each time.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from untilclick.rewriter.language.log_space import MASKED_LOGIT

BLOCK_ELEMENTS = 1 << 22
"""Logits of one block: 16 MiB in float32."""


def selected_log_probs(states: Tensor, weight: Tensor, ids: Tensor, banned_ids: Tensor) -> Tensor:
    """(M,) log-probability of `ids` (M,) after states (M, d) under softmax(states weight^T), weight (V, d), where the
    tokens `banned_ids` (k,) have probability 0; none of `ids` may be among them. Differentiable once, in states and
    weight."""
    found: Tensor = _SelectedLogProbs.apply(states, weight, ids, banned_ids)  # type: ignore[no-untyped-call]
    return found


class _Context(Protocol):
    """What torch keeps from forward to backward."""

    rows: int
    needs_input_grad: tuple[bool, ...]
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors."""


class _SelectedLogProbs(torch.autograd.Function):
    """d log p(i) / d logit(j) = [i = j] - p(j); banned tokens have p = 0."""

    @staticmethod
    def forward(ctx: _Context, states: Tensor, weight: Tensor, ids: Tensor, banned_ids: Tensor) -> Tensor:
        """See `selected_log_probs`."""
        rows = max(1, BLOCK_ELEMENTS // weight.shape[0])
        blocks = [
            torch.log_softmax((part @ weight.T).index_fill_(1, banned_ids, MASKED_LOGIT), dim=-1)
            for part in torch.split(states, rows)
        ]
        ctx.rows = rows
        ctx.save_for_backward(states, weight, ids, *(blocks if any(ctx.needs_input_grad) else ()))
        chosen = [
            block.gather(1, own[:, None])[:, 0] for block, own in zip(blocks, torch.split(ids, rows), strict=True)
        ]
        return torch.cat(chosen)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: _Context, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients of states and weight."""
        states, weight, ids, *blocks = ctx.saved_tensors
        of_states, of_weight = torch.empty_like(states), torch.empty_like(weight)
        parts = (torch.split(part, ctx.rows) for part in (states, ids, gradient, of_states))
        for number, (block, state, own, upstream, target) in enumerate(zip(blocks, *parts, strict=True)):
            of_logits = torch.softmax(block, dim=-1).mul_(-upstream[:, None])  # exp(block), at half its price
            of_logits.scatter_add_(1, own[:, None], upstream[:, None])
            torch.mm(of_logits, weight, out=target)
            torch.addmm(of_weight, of_logits.T, state, beta=float(number > 0), out=of_weight)
        return of_states, of_weight, None, None
