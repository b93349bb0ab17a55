"""The mean over those queries of a batch that have a document of gain."""

from __future__ import annotations

from torch import Tensor


def mean_over_rewarded(losses: Tensor, gains: Tensor) -> Tensor:
    """() mean of losses (B,) over the queries whose gains (B, C) are not all 0; 0 if there is none."""
    rewarded = (gains > 0).any(1).to(losses.dtype)  # (B,)
    return (losses * rewarded).sum() / rewarded.sum().clamp_min(1)
