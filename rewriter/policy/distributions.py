"""Means over real tokens, and KL and entropy of token distributions: pure functions of tensors.

PPO, distillation and return-weighted regression share them. Their losses are in the files that train with them.
"""

from __future__ import annotations

import torch
from torch import Tensor


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """() mean of the masked entries; 0 when the mask is empty."""
    return (values * mask).sum() / mask.sum().clamp_min(1)


def exact_kl(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """(...) KL(policy || reference) in nats of distributions over the last axis, given as log-probabilities.

    Banned tokens have log-probability near -1e9 and probability exactly 0 in both, and add nothing.
    """
    difference = torch.where(log_probs > -1e8, log_probs - reference_log_probs, 0.0)
    return (log_probs.exp() * difference).sum(-1)


def entropy(log_probs: Tensor) -> Tensor:
    """(...) entropy in nats of distributions over the last axis."""
    return -(log_probs.exp() * torch.where(log_probs > -1e8, log_probs, 0.0)).sum(-1)
