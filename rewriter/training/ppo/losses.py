"""The formulas of PPO for short sequences of terms: pure functions of tensors, shared by both trainers.

Shapes: N sequences of at most T generated tokens; `mask` (N, T) bool is True on tokens that were really generated,
the end token included. Every mean is over these tokens only: a mean that includes padding depends on how the
sequences of a batch happen to be padded. Each formula states its source, and none knows the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from untilclick.rewriter.policy.distributions import masked_mean

Total = Callable[[Tensor], Tensor]
"""Sums a tensor over all processes of a training run."""


def own_total(values: Tensor) -> Tensor:
    """The sum over all processes of a training run that has one process."""
    return values


def masked_whiten(values: Tensor, mask: Tensor, total: Total = own_total) -> Tensor:
    """(N, T) values at mean 0 and standard deviation 1 over the masked entries of all processes, 0 elsewhere."""
    mean = _total_mean(values, mask, total)  # ()
    variance = _total_mean((values - mean) ** 2, mask, total)  # ()
    return (values - mean) * torch.rsqrt(variance + 1e-8) * mask  # 1e-8: equal values become 0, not NaN


def masked_std(values: Tensor, mask: Tensor, total: Total = own_total) -> Tensor:
    """() standard deviation over the masked entries of all processes."""
    mean = _total_mean(values, mask, total)
    return _total_mean((values - mean) ** 2, mask, total).sqrt()


def _total_mean(values: Tensor, mask: Tensor, total: Total) -> Tensor:
    """() mean over the masked entries of all processes. Sums are exchanged, not means: processes that hold more
    tokens count more."""
    parts = total(torch.stack([(values * mask).sum(), mask.sum().to(values.dtype)]))  # (2,) sum and count
    return parts[0] / parts[1].clamp_min(1)


def terminal_rewards(scores: Tensor, mask: Tensor) -> Tensor:
    """(N, T) rewards of tokens: the score (N,) of a sequence on its last generated token, 0 elsewhere."""
    last = mask.long().cumsum(1).argmax(1)  # (N,) the count of tokens stops growing at the last one
    rewards = torch.zeros_like(mask, dtype=scores.dtype)
    rewards[torch.arange(mask.shape[0], device=mask.device), last] = scores
    return rewards * mask  # a sequence without any token has no reward


class AdvantageEstimates(NamedTuple):
    """Advantages and returns of the tokens of N sequences."""

    advantages: Tensor
    """(N, T) how much better each token was than expected, 0 outside the mask; the policy's target."""
    returns: Tensor
    """(N, T) the value function's target, 0 outside the mask."""


def generalised_advantages(
    rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float
) -> AdvantageEstimates:
    """Generalised advantage estimation from rewards and values (N, T).

    Schulman et al., "High-Dimensional Continuous Control Using Generalized Advantage Estimation", ICLR 2016, eq. 16;
    returns are advantages + values. The value after the last generated token is 0.
    """
    real = mask.to(values.dtype)
    advantages = torch.zeros_like(values)
    following = torch.zeros_like(values[:, 0])  # (N,) advantage of the next token
    for step in reversed(range(values.shape[1])):
        next_value = values[:, step + 1] * real[:, step + 1] if step + 1 < values.shape[1] else 0.0  # (N,)
        delta = rewards[:, step] + gamma * next_value - values[:, step]  # (N,) temporal difference
        following = (delta + gamma * lam * following) * real[:, step]
        advantages[:, step] = following
    return AdvantageEstimates(advantages, (advantages + values) * real)


def leave_one_out(scores: Tensor) -> Tensor:
    """(B, G) score of each sample minus the mean of the other samples of its prompt; G is at least 2.

    Kool, van Hoof & Welling, "Buy 4 REINFORCE Samples, Get a Baseline for Free!", 2019; Ahmadian et al., ACL 2024.
    """
    group = scores.shape[1]
    # s - (sum - s) / (G - 1) = (s - mean) * G / (G - 1)
    return (scores - scores.mean(1, keepdim=True)) * (group / (group - 1))


def center_groups(advantages: Tensor, mask: Tensor, samples: int) -> Tensor:
    """(N, T) advantages minus the mean over the real tokens of all `samples` sequences of the same prompt, 0 outside
    the mask (the baseline of GRPO, Shao et al. 2024). The value head then need not know how good each prompt is."""
    width = advantages.shape[1]
    grouped, real = advantages.view(-1, samples * width), mask.view(-1, samples * width)  # (B, G x T)
    mean = (grouped * real).sum(1, keepdim=True) / real.sum(1, keepdim=True).clamp_min(1)  # (B, 1)
    return (grouped - mean).view(-1, width) * mask


class PolicyLoss(NamedTuple):
    """The clipped surrogate, and how far the policy has moved."""

    loss: Tensor
    """() to be minimised."""
    clip_share: Tensor
    """() share of real tokens whose ratio was clipped, 0..1."""
    approx_kl: Tensor
    """() estimate of KL(old || new) per token in nats, (r - 1) - log r (Schulman 2020), never negative."""


def clipped_policy_loss(
    log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, mask: Tensor, clip_range: float
) -> PolicyLoss:
    """Clipped surrogate of log-probabilities (N, T) under the present weights and at the time of drawing: Schulman et
    al., "Proximal Policy Optimization Algorithms", 2017, eq. 7, averaged over real tokens."""
    log_ratio = (log_probs - old_log_probs) * mask  # (N, T)
    ratio = log_ratio.exp()  # (N, T)
    clipped = ratio.clamp(1.0 - clip_range, 1.0 + clip_range)  # no gradient outside the range
    loss = masked_mean(-torch.minimum(ratio * advantages, clipped * advantages), mask)  # the pessimistic bound
    with torch.no_grad():
        clip_share = masked_mean(((ratio - 1.0).abs() > clip_range).to(ratio.dtype), mask)
        approx_kl = masked_mean(ratio - 1.0 - log_ratio, mask)
    return PolicyLoss(loss, clip_share, approx_kl)


def clipped_value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, mask: Tensor, clip_range: float
) -> Tensor:
    """() half the larger of two squared errors of values (N, T): of the value itself, and of the value clipped around
    its old estimate (as in OpenAI's PPO; Engstrom et al., ICLR 2020, study its effect)."""
    clipped = old_values + (values - old_values).clamp(-clip_range, clip_range)  # (N, T)
    return 0.5 * masked_mean(torch.maximum((values - returns) ** 2, (clipped - returns) ** 2), mask)


class KLController:
    """The weight of the KL penalty: fixed, or controlled in proportion to the distance from a target.

    Ziegler et al., "Fine-Tuning Language Models from Human Preferences", 2019, section 2.2: the error is clipped to
    +-0.2, and the coefficient grows by the factor 1 + error x n / horizon.
    """

    def __init__(self, coefficient: float, target: float | None, horizon: int) -> None:
        """`target` is a KL per sequence in nats, None for a fixed coefficient; `horizon` is a number of rollouts."""
        self.coefficient = coefficient
        self._target = target
        self._horizon = horizon

    def update(self, kl: float, n_rollouts: int) -> None:
        """Adapt to the KL per sequence that was just measured on `n_rollouts` sequences; it is positive if the policy
        has moved away from the reference."""
        if self._target is None:
            return
        error = min(max(kl / self._target - 1.0, -0.2), 0.2)
        self.coefficient *= 1.0 + error * n_rollouts / self._horizon


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """1 - Var(returns - values) / Var(returns) over real tokens: 1 is perfect, 0 no better than a constant; NaN if
    all returns are equal."""
    predicted, target = values[mask], returns[mask]
    variance = float(target.var(unbiased=False)) if target.numel() else 0.0
    return 1.0 - float((target - predicted).var(unbiased=False)) / variance if variance > 0 else float("nan")
