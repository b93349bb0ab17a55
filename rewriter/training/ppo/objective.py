"""What is minimised: the parts of the PPO loss put together as the configuration says. Shared by both trainers."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from untilclick.rewriter.config import PPOConfig
from untilclick.rewriter.policy import distributions
from untilclick.rewriter.policy.sequences import SequenceScores
from untilclick.rewriter.training.ppo import losses
from untilclick.rewriter.training.ppo.experience import Experience


class Objective(NamedTuple):
    """The loss and its parts, all means over real tokens."""

    loss: Tensor
    """() to be minimised."""
    parts: dict[str, Tensor]
    """Name -> (), as logged."""


def ppo_objective(scores: SequenceScores, batch: Experience, config: PPOConfig, kl_coef: float) -> Objective:
    """The loss of a part of a round whose sequences have these scores under the present weights."""
    rollouts = batch.rollouts
    surrogate = losses.clipped_policy_loss(
        scores.log_probs, rollouts.log_probs, batch.advantages, rollouts.mask, config.loss.clip_range
    )
    kl, spread = _spread(scores, batch)
    loss = surrogate.loss - config.loss.entropy_coef * spread
    parts = {"policy_loss": surrogate.loss, "clip_share": surrogate.clip_share, "approx_kl": surrogate.approx_kl}
    if config.kl.placement == "loss":
        loss = loss + kl_coef * kl
    if config.algorithm == "ppo":
        value_loss = losses.clipped_value_loss(
            scores.values, rollouts.values, batch.returns, rollouts.mask, config.loss.value_clip_range
        )
        loss = loss + config.loss.value_coef * value_loss
        parts["value_loss"] = value_loss
    if config.found.weight and batch.found is not None and scores.log_attention is not None:
        parts["found_loss"] = _found_loss(scores.log_attention, *batch.found, batch.tokens)
        loss = loss + config.found.weight * parts["found_loss"]
    return Objective(loss, {**parts, "kl": kl, "entropy": spread})


def _found_loss(log_attention: Tensor, places: Tensor, weights: Tensor, tokens: Tensor) -> Tensor:
    """() -sum over documents of weight x log p(document | prompt), mean over prompts by their tokens (B,), as all
    other parts are means over tokens."""
    own = -(log_attention.gather(1, places) * weights).sum(1)
    return (own * tokens).sum() / tokens.sum()


def _spread(scores: SequenceScores, batch: Experience) -> tuple[Tensor, Tensor]:
    """KL to the reference and entropy, both () per token in nats: exact where whole distributions are at hand, else
    estimated from the drawn tokens, (r - 1) - log r with r = reference / policy (Schulman 2020) and -log p, which is
    right for the policy that drew them and gives no gradient that the loss uses."""
    if scores.distributions is not None and batch.reference is not None:
        exact = distributions.masked_mean(distributions.exact_kl(scores.distributions, batch.reference), scores.steps)
        return exact, distributions.masked_mean(distributions.entropy(scores.distributions), scores.steps)
    own, mask = scores.log_probs.detach(), batch.rollouts.mask
    log_ratio = (batch.reference_log_probs - own) * mask
    return distributions.masked_mean(log_ratio.exp() - 1.0 - log_ratio, mask), distributions.masked_mean(-own, mask)
