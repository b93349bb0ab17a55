"""What a step of trlX's loop works on: the module that accelerate wraps, and the parts that a round is cut into."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from untilclick.rewriter.policy.sampling import score
from untilclick.rewriter.policy.sequences import Rollouts, SequenceScores
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy
from untilclick.rewriter.training.ppo.experience import Experience


class ScoringModule(nn.Module):
    """What accelerate prepares: its `forward` is the scoring of rollouts, so that gradients are exchanged there."""

    def __init__(self, policy: T5Policy, *, distributions: bool = True) -> None:
        super().__init__()
        self.policy = policy
        self._distributions = distributions

    @property
    def base_model(self) -> nn.Module:
        """The T5, as trlX calls it."""
        return self.policy.t5

    def forward(self, prompts: PromptBatch, rollouts: Rollouts) -> SequenceScores:
        """The sequences under the present weights."""
        return score(self.policy, prompts, rollouts, distributions=self._distributions)


@dataclass
class Part:
    """Some prompts of a round for one optimiser step. trlX cuts it into micro-batches by slicing its fields."""

    rows: Tensor
    """(n, 2) chunk, and prompt within the chunk."""
    tokens: Tensor
    """(n,) real tokens of the whole optimiser step, of all processes, per process."""
    left: Tensor
    """(n,) prompts of the step from here on."""


def cut(
    number: int, chunk: Experience, minibatches: int, rng: np.random.Generator, total: Callable[[Tensor], Tensor]
) -> list[Part]:
    """Chunk `number` of a round in random order, cut into steps as the built-in trainer cuts a round. `total` is the
    sum over all processes, per process."""
    parts, n_steps = [], min(minibatches, len(chunk))
    order = torch.arange(len(chunk))
    if n_steps > 1:
        order = order[torch.from_numpy(rng.permutation(len(chunk)))]
    for rows in order.tensor_split(n_steps):
        tokens = total(chunk.tokens.cpu()[rows].sum().float())
        pairs = torch.stack([torch.full_like(rows, number), rows], dim=1)
        parts.append(Part(pairs, tokens.expand(rows.numel()), torch.arange(rows.numel(), 0, -1)))
    return parts
