"""What is minimised: the parts of the PPO loss put together as the configuration says. Shared by both trainers."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from rewriter import ppo
from rewriter.config import PPOConfig
from rewriter.experience import Experience
from rewriter.sequences import Scores


class Objective(NamedTuple):
    """The loss and its parts, all means over real tokens."""

    loss: Tensor
    """() to be minimised."""
    parts: dict[str, Tensor]
    """Name -> (), as logged."""


def ppo_objective(scores: Scores, batch: Experience, config: PPOConfig, kl_coef: float) -> Objective:
    """The loss of a part of a round whose sequences have these scores under the present weights."""
    rollouts = batch.rollouts
    surrogate = ppo.clipped_policy_loss(
        scores.log_probs, rollouts.log_probs, batch.advantages, rollouts.mask, config.clip_range
    )
    kl = ppo.masked_mean(ppo.exact_kl(scores.distributions, batch.reference), scores.steps)
    spread = ppo.masked_mean(ppo.entropy(scores.distributions), scores.steps)
    loss = surrogate.loss - config.entropy_coef * spread
    parts = {"policy_loss": surrogate.loss, "clip_share": surrogate.clip_share, "approx_kl": surrogate.approx_kl}
    if config.kl_placement == "loss":
        loss = loss + kl_coef * kl
    if config.algorithm == "ppo":
        value_loss = ppo.clipped_value_loss(
            scores.values, rollouts.values, batch.returns, rollouts.mask, config.value_clip_range
        )
        loss = loss + config.value_coef * value_loss
        parts["value_loss"] = value_loss
    return Objective(loss, {**parts, "kl": kl, "entropy": spread})
