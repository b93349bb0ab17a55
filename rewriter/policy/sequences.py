"""Sequences that a policy draws, their scores under changed weights, and the noise for drawing them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID


class Rollouts(NamedTuple):
    """N = B x G sequences of T tokens, the G samples of one prompt next to each other."""

    ids: Tensor
    """(N, T) int64, PAD_ID after the end token."""
    mask: Tensor
    """(N, T) bool, True up to and including the first end token."""
    log_probs: Tensor
    """(N, T) log-probability of each token at the time of drawing, 0 outside the mask."""
    values: Tensor
    """(N, T) value estimate before each token, 0 outside the mask."""
    candidates: Tensor
    """(B, C) tokens that decoding chose from: the policy is the softmax over these, in sampler and loss. C is 0 for
    decoding from the whole vocabulary."""

    @property
    def terms(self) -> Tensor:
        """(N, T) bool, True on terms, which is the mask without end tokens."""
        return self.mask & (self.ids != EOS_ID)

    def of_prompts(self, rows: Tensor, samples: int) -> Rollouts:
        """The sequences of the prompts at positions `rows` of the batch, `samples` of each prompt."""
        drawn = member_positions(rows, samples)
        return Rollouts(
            self.ids[drawn], self.mask[drawn], self.log_probs[drawn], self.values[drawn], self.candidates[rows]
        )


class SequenceScores(NamedTuple):
    """Log-probabilities and values of sequences under the present weights."""

    log_probs: Tensor
    """(N, T) log-probability of each token, 0 outside the mask."""
    values: Tensor
    """(N, T) value estimate before each token, 0 outside the mask."""
    distributions: Tensor | None
    """(M, K) log-probabilities of the next token at M decoder steps; None if the caller did not ask for them."""
    steps: Tensor
    """(M,) bool, True on decoder steps of real tokens, False on padding."""
    log_attention: Tensor | None = None
    """(B, D) log p(document | prompt) of the memory; None without one."""

    def next_token(self) -> Tensor:
        """(M, K) the distributions, for callers that asked for them."""
        assert self.distributions is not None
        return self.distributions


def gumbel(shape: torch.Size, generator: torch.Generator | None, device: torch.device) -> Tensor:
    """Standard Gumbel noise of this shape; the largest of log p + noise is a draw from p (Gumbel 1954; Kool et al.,
    ICML 2019). It is drawn on the generator's device and then moved, so that a seed gives the same numbers on every
    device. Without a generator the noise is 0."""
    if generator is None:
        return torch.zeros(shape, device=device)
    # Clipped: log 0 is infinite, and 1 - 1e-7 limits the noise to 16.
    uniform = torch.rand(shape, generator=generator, device=generator.device).clamp_(1e-20, 1 - 1e-7)
    return -torch.log(-torch.log(uniform)).to(device)


def decoder_inputs(ids: Tensor) -> Tensor:
    """(N, T) tokens that the decoder reads before each token of `ids` (N, T): the start token, then all but the
    last."""
    return torch.cat([torch.full_like(ids[:, :1], PAD_ID), ids[:, :-1]], dim=1)


def member_positions(groups: Tensor, size: int) -> Tensor:
    """(k x size,) positions of the members of `groups` (k,), if groups of `size` members lie one after the other:
    member_positions([2, 0], 3) = [6, 7, 8, 0, 1, 2]."""
    return (groups[:, None] * size + torch.arange(size, device=groups.device)).flatten()
