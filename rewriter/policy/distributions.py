"""Means over real tokens, and KL and entropy of token distributions, as pure functions of tensors.

PPO, distillation and return-weighted regression share them. Losses are in the modules that train with them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """() mean of the entries where the mask is 1 or True; 0 for an empty mask. Both have the same shape."""
    return (values * mask).sum() / mask.sum().clamp_min(1)


def exact_kl(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """(...) KL(policy || reference) in nats, from log-probabilities (..., K) of distributions over the last axis.

    A banned token has a log-probability near -1e9 and a probability of exactly 0 in both; it adds 0.
    """
    # Banned tokens are cut out before the product: of -inf, the difference would be NaN.
    difference = torch.where(log_probs > -1e8, log_probs - reference_log_probs, 0.0)  # (..., K)
    return (log_probs.exp() * difference).sum(-1)


def entropy(log_probs: Tensor) -> Tensor:
    """(...) entropy in nats, from log-probabilities (..., K) of distributions over the last axis."""
    return -(log_probs.exp() * torch.where(log_probs > -1e8, log_probs, 0.0)).sum(-1)
