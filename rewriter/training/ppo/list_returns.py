"""From clicks on drawn lists to the advantage of each rank.

Shapes are those of `policy/lists/plackett_luce.py`: N = B x G lists of L documents, the G lists of one query next to
each other.
"""

from __future__ import annotations

import torch
from torch import Tensor

from untilclick.rewriter.policy.lists.plackett_luce import Lists
from untilclick.rewriter.training.ppo.losses import leave_one_out


def discounted_clicks(clicks: Tensor, queries_before: Tensor, discount: float) -> Tensor:
    """(N, L) rewards: clicks (N, L), drawn (0 or 1) or expected (0..1), each times discount^n for the n earlier
    queries (N,) of its session, as the return of a session counts them. A click at the first query is worth 1."""
    return clicks * torch.pow(torch.as_tensor(discount, dtype=clicks.dtype), queries_before)[:, None]


def rewards_to_go(rewards: Tensor, lists: Lists) -> Tensor:
    """(N, L) sum of the rewards (N, L) at a rank and below it, 0 outside the mask: what a document at a rank can
    still change. Rewards above it depend on earlier draws alone, and would add variance and nothing else (Sutton &
    Barto, "Reinforcement Learning", 2018, 13.3)."""
    real = rewards.masked_fill(~lists.mask, 0.0)
    return real.flip(1).cumsum(1).flip(1).masked_fill(~lists.mask, 0.0)


def leave_one_out_by_rank(returns: Tensor, n_lists: int) -> Tensor:
    """(N, L) returns (N, L) less the mean return at the same rank of the other `n_lists` - 1 lists of the query, of
    which there has to be one, see `losses.leave_one_out`."""
    by_rank = returns.view(-1, n_lists, returns.shape[1]).transpose(1, 2)  # (B, L, G)
    centred = leave_one_out(by_rank.flatten(0, 1)).view_as(by_rank)
    return centred.transpose(1, 2).reshape(returns.shape)
