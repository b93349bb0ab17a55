"""InfoNCE over candidates: the documents of gain are positives, all other candidates are negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from untilclick.rewriter.training.ranking.rewarded import mean_over_rewarded


def info_nce(scores: Tensor, gains: Tensor) -> Tensor:
    """() mean over the queries with a gain of - sum_d g_d log softmax(s)_d / sum_d g_d, for scores and gains (B, C).

    A query without a gain says nothing, and a batch of such queries gives 0. Source: van den Oord, Li & Vinyals,
    "Representation Learning with Contrastive Predictive Coding", 2018, eq. 4; with several positives it is the
    ListNet of Cao et al., ICML 2007, whose target is the share of gains.
    """
    shares = gains / gains.sum(1, keepdim=True).clamp_min(1e-9)  # (B, C)
    return mean_over_rewarded(-(shares * torch.log_softmax(scores, 1)).sum(1), gains)
