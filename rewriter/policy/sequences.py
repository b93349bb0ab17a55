"""Sequences that a policy has drawn, what they score under changed weights, and the noise they are drawn with."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID


class Rollouts(NamedTuple):
    """N = B x G sequences, the G samples of one prompt next to each other."""

    ids: Tensor
    """(N, T) int64, PAD_ID after the end token."""
    mask: Tensor
    """(N, T) bool, True up to and including the first end token."""
    log_probs: Tensor
    """(N, T) log-probability of each token when it was drawn, 0 outside the mask."""
    values: Tensor
    """(N, T) value estimate before each token, 0 outside the mask."""
    candidates: Tensor
    """(B, C) tokens among which decoding chose: the policy is its softmax over these, in sampler and loss alike. C is
    0 where it chose from the whole vocabulary."""

    @property
    def terms(self) -> Tensor:
        """(N, T) bool, True on terms: the mask without end tokens."""
        return self.mask & (self.ids != EOS_ID)

    def of_prompts(self, rows: Tensor, samples: int) -> Rollouts:
        """The sequences of some prompts, given by their position in the batch; `samples` of each prompt."""
        own = members(rows, samples)
        return Rollouts(self.ids[own], self.mask[own], self.log_probs[own], self.values[own], self.candidates[rows])


class SequenceScores(NamedTuple):
    """Sequences under the present weights."""

    log_probs: Tensor
    """(N, T) log-probability of each token, 0 outside the mask."""
    values: Tensor
    """(N, T) value estimate before each token, 0 outside the mask."""
    distributions: Tensor | None
    """(M, K) log-probabilities of the next token at M decoder steps; None where they were not asked for."""
    steps: Tensor
    """(M,) bool, True on steps that were really taken."""
    log_attention: Tensor | None = None
    """(B, D) log p(document | prompt) of the memory; None without one."""

    def next_token(self) -> Tensor:
        """(M, K) the distributions, where they were asked for."""
        assert self.distributions is not None
        return self.distributions


def gumbel(shape: torch.Size, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Standard Gumbel noise; the largest of log p + noise is a draw from p (Gumbel 1954; Kool et al., ICML 2019).
    Drawn by the generator where it lives and then moved, so that a seed means the same on every device; zero without
    a generator."""
    if generator is None:
        return torch.zeros(shape, device=device)
    uniform = torch.rand(shape, generator=generator, device=generator.device).clamp_(1e-20, 1 - 1e-7)
    return -torch.log(-torch.log(uniform)).to(device)


def decoder_inputs(ids: Tensor) -> Tensor:
    """(N, T) what the decoder reads before each token of (N, T): the start token, then all but the last."""
    return torch.cat([torch.full_like(ids[:, :1], PAD_ID), ids[:, :-1]], dim=1)


def members(groups: Tensor, size: int) -> Tensor:
    """(k x size,) positions of the members of groups (k,), where groups of one size lie one after the other:
    members([2, 0], 3) = [6, 7, 8, 0, 1, 2]."""
    return (groups[:, None] * size + torch.arange(size, device=groups.device)).flatten()
