"""The loss that PPO minimises, put together from its parts as the configuration says. Both trainers use it."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from untilclick.rewriter.policy.distributions import entropy, exact_kl, masked_mean
from untilclick.rewriter.policy.memory.document_memory import RememberedDocuments
from untilclick.rewriter.policy.sequences import SequenceScores
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.training.ppo import losses
from untilclick.rewriter.training.ppo.experience import Experience

FIRST_STEP_METRICS = ("kl", "entropy")
"""Parts that are logged from the first optimiser step of a round, before the round has moved the policy; all others
are logged from its last step."""


class Objective(NamedTuple):
    """The loss and its parts, all means over real tokens."""

    loss: Tensor
    """() to be minimised."""
    parts: dict[str, Tensor]
    """Name -> (), as logged."""


def ppo_objective(scores: SequenceScores, batch: Experience, config: PPOConfig, kl_coef: float) -> Objective:
    """The loss on some prompts of a round, from the scores of their sequences under the present weights."""
    rollouts = batch.rollouts
    surrogate = losses.clipped_policy_loss(
        scores.log_probs, rollouts.log_probs, batch.advantages, rollouts.mask, config.loss.clip_range
    )
    drift = _drift(scores, batch)
    loss = surrogate.loss - config.loss.entropy_coef * drift.entropy
    parts = {"policy_loss": surrogate.loss, "clip_share": surrogate.clip_share, "approx_kl": surrogate.approx_kl}
    if config.kl.placement == "loss":  # else the penalty is part of the rewards, see `AdvantageEstimator`
        loss = loss + kl_coef * drift.kl
    if config.algorithm == "ppo":  # `rloo` has a baseline without a value head
        value_loss = losses.clipped_value_loss(
            scores.values, rollouts.values, batch.returns, rollouts.mask, config.loss.value_clip_range
        )
        loss = loss + config.loss.value_coef * value_loss
        parts["value_loss"] = value_loss
    if config.found_documents.weight and batch.found_documents is not None and scores.log_attention is not None:
        parts["found_loss"] = _found_loss(scores.log_attention, batch.found_documents, batch.tokens)
        loss = loss + config.found_documents.weight * parts["found_loss"]
    return Objective(loss, {**parts, "kl": drift.kl, "entropy": drift.entropy})


def _found_loss(log_attention: Tensor, documents: RememberedDocuments, tokens: Tensor) -> Tensor:
    """() -sum over documents of weight x log p(document | prompt), from log p (B, D). The mean over prompts weighs
    each by its number of tokens (B,), because all other parts of the loss are means over tokens."""
    losses_of_prompts = -(log_attention.gather(1, documents.positions) * documents.weights).sum(1)  # (B,)
    return (losses_of_prompts * tokens).sum() / tokens.sum()


class _Drift(NamedTuple):
    """How far the policy is from the reference, and how spread out it is."""

    kl: Tensor
    """() KL to the reference per token in nats."""
    entropy: Tensor
    """() entropy per token in nats."""


def _drift(scores: SequenceScores, batch: Experience) -> _Drift:
    """Exact values if whole distributions are available, else estimates from the drawn tokens: (r - 1) - log r with
    r = reference / policy (Schulman 2020), and -log p. The estimates are right for the policy that drew the tokens.
    They carry no gradient: then the loss uses neither of them."""
    if scores.distributions is not None and batch.reference is not None:
        kl = masked_mean(exact_kl(scores.distributions, batch.reference), scores.steps)
        return _Drift(kl, masked_mean(entropy(scores.distributions), scores.steps))
    log_probs, mask = scores.log_probs.detach(), batch.rollouts.mask  # (N, T)
    log_ratio = (batch.reference_log_probs - log_probs) * mask  # (N, T)
    return _Drift(masked_mean(log_ratio.exp() - 1.0 - log_ratio, mask), masked_mean(-log_probs, mask))
