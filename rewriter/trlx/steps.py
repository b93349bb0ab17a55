"""The objects of a step in trlX's loop: the module that accelerate wraps, and the parts of a round."""

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
    """The module that accelerate prepares. Its `forward` scores rollouts: accelerate exchanges gradients there."""

    def __init__(self, policy: T5Policy, *, distributions: bool = True) -> None:
        super().__init__()
        self.policy = policy
        self._distributions = distributions

    @property
    def base_model(self) -> nn.Module:
        """The T5; the name is trlX's."""
        return self.policy.t5

    def forward(self, prompts: PromptBatch, rollouts: Rollouts) -> SequenceScores:
        """Scores of the sequences under the present weights."""
        return score(self.policy, prompts, rollouts, distributions=self._distributions)


@dataclass
class Part:
    """The n prompts of an optimiser step. trlX splits a step into micro-batches by slicing all fields alike."""

    rows: Tensor
    """(n, 2) number of the chunk, and position of the prompt in the chunk."""
    tokens: Tensor
    """(n,) the same number n times: real tokens of the whole step in all processes, divided by the processes."""
    left: Tensor
    """(n,) n, n - 1, ..., 1: prompts from here to the end of the step."""


def split_into_steps(
    number: int, chunk: Experience, minibatches: int, rng: np.random.Generator, total: Callable[[Tensor], Tensor]
) -> list[Part]:
    """Split chunk `number` of a round into steps, in random order, as the built-in trainer splits a round. `total`
    sums over all processes and divides by their number."""
    parts, n_steps = [], min(minibatches, len(chunk))
    order = torch.arange(len(chunk))  # (B,)
    if n_steps > 1:
        order = order[torch.from_numpy(rng.permutation(len(chunk)))]
    for rows in order.tensor_split(n_steps):
        tokens = total(chunk.tokens.cpu()[rows].sum().float())
        pairs = torch.stack([torch.full_like(rows, number), rows], dim=1)  # (n, 2)
        parts.append(Part(pairs, tokens.expand(rows.numel()), torch.arange(rows.numel(), 0, -1)))
    return parts
