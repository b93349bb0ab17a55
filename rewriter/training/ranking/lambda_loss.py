"""LambdaLoss: a bound of 1 - nDCG as a sum over pairs of documents, weighted by what their exchange would cost."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from untilclick.rewriter.training.ranking.rewarded import mean_over_rewarded

WINNERS = 10
"""Documents of the highest gains of a query; pairs have one of these and any candidate of a lower gain."""
MU = 10.0
"""Weight of the distance in rank beside the exchange of two ranks."""


def lambda_loss(scores: Tensor, gains: Tensor, mu: float = MU, winners: int = WINNERS) -> Tensor:
    """() mean over the queries with a gain of the loss NDCG-Loss2++ in bits, for scores and gains (B, C).

    The sum over pairs g_i > g_j of (rho_ij + mu delta_ij) |g_i - g_j| / maxDCG log2(1 + e^(s_j - s_i)), where rho_ij
    is the difference of the two ranks' discounts and delta_ij that of the discounts at their distance and one rank
    on. A gain is used as it is. Source: Wang, Li, Golbandi, Bendersky & Najork, "The LambdaLoss framework for ranking
    metric optimization", CIKM 2018, eq. 16 to 18.
    """
    ranks = _ranks(scores.detach())  # (B, C)
    top, places = gains.topk(min(winners, gains.shape[1]), 1)  # (B, W) each
    differences = (top[:, :, None] - gains[:, None, :]).clamp_min(0) / _max_dcg(gains)[:, None, None]  # (B, W, C)
    top_ranks = ranks.gather(1, places)[:, :, None]  # (B, W, 1)
    distance = (top_ranks - ranks[:, None, :]).abs()  # (B, W, C)
    rho = (_discount(top_ranks) - _discount(ranks)[:, None, :]).abs()
    delta = (_discount(distance.clamp_min(1)) - _discount(distance + 1)).abs()
    bits = softplus(scores[:, None, :] - scores.gather(1, places)[:, :, None]) / math.log(2)  # (B, W, C)
    return mean_over_rewarded(((rho + mu * delta) * differences * bits).sum((1, 2)), gains)


def _ranks(scores: Tensor) -> Tensor:
    """(B, C) 1-based rank of each candidate."""
    return scores.argsort(dim=1, descending=True, stable=True).argsort(dim=1) + 1


def _discount(ranks: Tensor) -> Tensor:
    """The factor 1 / log2(1 + rank) of nDCG."""
    return 1.0 / torch.log2(1.0 + ranks)


def _max_dcg(gains: Tensor) -> Tensor:
    """(B,) DCG of the order by gains; 1 without a gain, where nothing is to be divided."""
    ideal = gains.sort(1, descending=True).values  # (B, C)
    dcg = (ideal * _discount(torch.arange(1, gains.shape[1] + 1))).sum(1)
    return torch.where(dcg > 0, dcg, torch.ones_like(dcg))
