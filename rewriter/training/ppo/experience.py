"""The experience of a round: the sequences that were drawn, their rewards, and the advantage of each token.

Both trainers use it. Sequences are drawn by `policy/sampling.py`, and the formulas are in `losses.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.data.environment import FoundDocuments, RewardBatch
from untilclick.rewriter.policy.distributions import masked_mean
from untilclick.rewriter.policy.memory.document_memory import RememberedDocuments
from untilclick.rewriter.policy.sampling import sample, score
from untilclick.rewriter.policy.sequences import Rollouts, member_positions
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.training.ppo import losses

Reward = Callable[[Rollouts], RewardBatch]
"""Gives the rewards of the sequences of a round."""


@dataclass(frozen=True)
class Experience:
    """N = B x G sequences of at most T tokens for B prompts, the G samples of one prompt next to each other."""

    prompts: PromptBatch
    rollouts: Rollouts
    rewards: RewardBatch
    reference: Tensor | None
    """(M, K) log-probabilities of the reference at the same decoder steps, M a multiple of B; None if the loss needs
    no whole distributions."""
    reference_log_probs: Tensor
    """(N, T) the reference's log-probability of each drawn token."""
    advantages: Tensor
    """(N, T)"""
    returns: Tensor
    """(N, T)"""
    found_documents: RememberedDocuments | None = None
    """(B, M) relevant documents in the rankings of each prompt's rewrites; None without a memory, and if the
    environment does not report them."""

    def __len__(self) -> int:
        """Number of prompts."""
        return int(self.prompts.input_ids.shape[0])

    @property
    def tokens(self) -> Tensor:
        """(B,) number of real tokens in the samples of each prompt."""
        return self.rollouts.mask.view(len(self), -1).sum(1)

    def of_prompts(self, rows: Tensor) -> Experience:
        """The part of the prompts at positions `rows`."""
        samples = self.rollouts.ids.shape[0] // len(self)
        sequences = member_positions(rows, samples)
        documents = self.found_documents
        return Experience(
            self.prompts.rows(rows),
            self.rollouts.of_prompts(rows, samples),
            self.rewards.of(sequences.cpu().numpy()),
            self._reference_of(rows),
            self.reference_log_probs[sequences],
            self.advantages[sequences],
            self.returns[sequences],
            None if documents is None else RememberedDocuments(*(part[rows] for part in documents)),
        )

    def _reference_of(self, rows: Tensor) -> Tensor | None:
        if self.reference is None:
            return None
        return self.reference[member_positions(rows, self.reference.shape[0] // len(self))]


@torch.no_grad()
def collect(
    policy: T5Policy,
    reference: T5Policy,
    prompts: PromptBatch,
    reward: Reward,
    estimate: AdvantageEstimator,
    generator: torch.Generator,
) -> Experience:
    """Draw `samples_per_prompt` sequences for each prompt, and estimate the advantages from their rewards."""
    config = estimate.config
    rollouts = sample(policy, prompts, config.rollout.samples_per_prompt, config.rollout.terms, generator)
    expected = score(reference, prompts, rollouts, distributions=config.needs_distributions)
    rewards = reward(rollouts)
    gain = torch.from_numpy(rewards.gain).float().to(prompts.input_ids.device)  # (N,)
    estimates = estimate(rollouts, expected.log_probs, gain)
    return Experience(
        prompts,
        rollouts,
        rewards,
        expected.distributions,
        expected.log_probs,
        estimates.advantages,
        estimates.returns,
        _remembered(rewards.found_documents, policy),
    )


def _remembered(documents: FoundDocuments | None, policy: T5Policy) -> RememberedDocuments | None:
    """The documents that rankings contained, as the policy's memory knows them."""
    if documents is None or policy.memory is None:
        return None
    rows, weights = (torch.from_numpy(part).to(policy.device) for part in documents)  # (B, M)
    return policy.memory.remembered(rows, weights)


@dataclass(frozen=True)
class AdvantageEstimator:
    """Turns the scores of sequences into advantages of their tokens, as the configuration says."""

    config: PPOConfig
    kl_coef: float
    """Present weight of the KL to the reference, for `kl.placement` = `reward`."""
    total: losses.Total = losses.own_total
    """Sums over all processes, for whitening."""

    def __call__(self, rollouts: Rollouts, reference_log_probs: Tensor, scores: Tensor) -> losses.AdvantageEstimates:
        """Advantages and returns (N, T) from the gain (N,) of each sequence."""
        config, mask = self.config, rollouts.mask
        rewards = losses.terminal_rewards(scores, mask)  # (N, T)
        if config.kl.placement == "reward":
            rewards -= self.kl_coef * (rollouts.log_probs - reference_log_probs) * mask
        if config.algorithm == "rloo":
            return self._leave_one_out(rewards, mask)
        advantages, returns = losses.generalised_advantages(
            rewards, rollouts.values, mask, config.advantage.gamma, config.advantage.gae_lambda
        )
        if config.advantage.center_groups:
            advantages = losses.center_groups(advantages, mask, config.rollout.samples_per_prompt)
        if config.advantage.whiten:
            advantages = losses.masked_whiten(advantages, mask, self.total)
        return losses.AdvantageEstimates(advantages, returns)

    def _leave_one_out(self, rewards: Tensor, mask: Tensor) -> losses.AdvantageEstimates:
        """All tokens of a sequence share its advantage. Without a value head the returns train nothing; they are the
        rewards, for the metrics."""
        of_sequences = rewards.sum(1).view(-1, self.config.rollout.samples_per_prompt)  # (B, G)
        advantages = losses.leave_one_out(of_sequences).flatten()[:, None] * mask  # (N, T)
        if self.config.advantage.whiten:  # the mean is 0 already: only the spread is scaled
            advantages = advantages / losses.masked_std(advantages, mask, self.total).clamp_min(1e-8)
        return losses.AdvantageEstimates(advantages, rewards)


def informative(gain: NDArray[np.float64], samples: int) -> bool:
    """Whether the samples of some prompt differ in their gain (N,). If none do, the rewards do not tell which sample
    is better, and whitening would turn rounding noise into advantages."""
    groups = gain.reshape(-1, samples) if samples > 1 else gain[None]  # (B, G), or all prompts in one group
    return bool((np.ptp(groups, axis=1) > 0).any())


def experience_metrics(batch: Experience) -> dict[str, float]:
    """Figures on the sequences of a round before any update, under the names of the log."""
    rollouts, rewards = batch.rollouts, batch.rewards
    terms = rollouts.terms  # (N, T)
    prompt_ids = batch.prompts.input_ids.repeat_interleave(terms.shape[0] // len(batch), 0)  # (N, S)
    copied = (rollouts.ids[:, :, None] == prompt_ids[:, None, :]).any(-1)  # (N, T)
    worth = {"reward_original": rewards.original, "reward_rewritten": rewards.rewritten}
    return {
        "reward_mean": float(rewards.gain.mean()),
        "reward_std": float(rewards.gain.std()),
        **{name: float(part.mean()) for name, part in worth.items() if part is not None},
        "improved_share": float((rewards.gain > 0).mean()),
        "harmed_share": float((rewards.gain < 0).mean()),
        "length": float(terms.sum(1).float().mean()),
        "copy_rate": float(masked_mean(copied.float(), terms)),
        "explained_variance": losses.explained_variance(rollouts.values, batch.returns, rollouts.mask),
        "sampled_kl": float(((rollouts.log_probs - batch.reference_log_probs) * rollouts.mask).sum(1).mean()),
    }
