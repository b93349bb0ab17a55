"""Log-probabilities of selected tokens under a large vocabulary, with no more memory than their gradient needs.

With 32,000 subwords the output layer is most of a small T5: its matrix products are three quarters of an update, and
the memory traffic of `log_softmax` and `gather` costs half as much again. Here the softmax is normalised for one
block of rows at a time, and the backward pass computes the gradients of states and embedding directly from the
log-probabilities. Blocks are so small that the allocator keeps their memory; the system would map the pages of larger
ones anew each time.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from untilclick.rewriter.language.log_space import MASKED_LOGIT

BLOCK_ELEMENTS = 1 << 22
"""Number of logits in a block: 16 MiB in float32."""


def selected_log_probs(states: Tensor, weight: Tensor, ids: Tensor, banned_ids: Tensor) -> Tensor:
    """(M,) log-probabilities of tokens `ids` (M,) under softmax(states weight^T), for decoder states (M, d) and
    output weights (V, d). The tokens `banned_ids` (k,) have probability 0 and must not be among `ids`. Differentiable
    once, in states and weight."""
    log_probs: Tensor = _SelectedLogProbs.apply(states, weight, ids, banned_ids)  # type: ignore[no-untyped-call]
    return log_probs


class _Context(Protocol):
    """The part of torch's context from forward to backward that is used here."""

    rows: int
    needs_input_grad: tuple[bool, ...]
    saved_tensors: tuple[Tensor, ...]

    def save_for_backward(self, *tensors: Tensor) -> None:
        """Keep tensors for the backward pass."""


class _SelectedLogProbs(torch.autograd.Function):
    """The gradient is d log p(i) / d logit(j) = [i = j] - p(j), with p = 0 for banned tokens."""

    @staticmethod
    def forward(ctx: _Context, states: Tensor, weight: Tensor, ids: Tensor, banned_ids: Tensor) -> Tensor:
        """See `selected_log_probs`."""
        rows = max(1, BLOCK_ELEMENTS // weight.shape[0])  # R, rows of a block
        blocks = [  # (R, V) each
            torch.log_softmax((part @ weight.T).index_fill_(1, banned_ids, MASKED_LOGIT), dim=-1)
            for part in torch.split(states, rows)
        ]
        ctx.rows = rows
        ctx.save_for_backward(states, weight, ids, *(blocks if any(ctx.needs_input_grad) else ()))
        selected = [
            block.gather(1, block_ids[:, None])[:, 0]  # (R,)
            for block, block_ids in zip(blocks, torch.split(ids, rows), strict=True)
        ]
        return torch.cat(selected)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: _Context, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        """Gradients of states (M, d) and weight (V, d), from the gradient (M,) of the log-probabilities."""
        states, weight, ids, *blocks = ctx.saved_tensors
        states_grad, weight_grad = torch.empty_like(states), torch.empty_like(weight)
        parts = (torch.split(part, ctx.rows) for part in (states, ids, gradient, states_grad))
        for number, (block, state, block_ids, upstream, target) in enumerate(zip(blocks, *parts, strict=True)):
            # softmax of log-probabilities is exp of them, at half its cost: -p(j) x upstream for all j ...
            logits_grad = torch.softmax(block, dim=-1).mul_(-upstream[:, None])  # (R, V)
            logits_grad.scatter_add_(1, block_ids[:, None], upstream[:, None])  # ... and + upstream for j = i
            torch.mm(logits_grad, weight, out=target)  # (R, d), a view of `states_grad`
            # beta = 0 at the first block overwrites the uninitialised memory, later blocks are added.
            torch.addmm(weight_grad, logits_grad.T, state, beta=float(number > 0), out=weight_grad)
        return states_grad, weight_grad, None, None
