"""A round of experience: what was drawn, what it earned, what each token's advantage is. Shared by both trainers.

Drawing is in `policy/sampling.py`, formulas are in `losses.py`, what is done with a round is the trainers' matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.config import PPOConfig
from untilclick.rewriter.data.environment import RewardBatch
from untilclick.rewriter.policy import distributions
from untilclick.rewriter.policy.sampling import sample, score
from untilclick.rewriter.policy.sequences import Rollouts, member_positions
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy
from untilclick.rewriter.training.ppo import losses

Reward = Callable[[Rollouts], RewardBatch]
"""What the sequences of a round earn."""


@dataclass(frozen=True)
class Experience:
    """N = B x G sequences of one round, the G samples of one prompt next to each other."""

    prompts: PromptBatch
    rollouts: Rollouts
    rewards: RewardBatch
    reference: Tensor | None
    """(M, K) log-probabilities of the reference at the same decoder steps, M a multiple of B; None where the
    configuration has no use for them."""
    reference_log_probs: Tensor
    """(N, T) the reference's log-probability of each drawn token."""
    advantages: Tensor
    """(N, T)"""
    returns: Tensor
    """(N, T)"""
    found: tuple[Tensor, Tensor] | None = None
    """Places in the memory (B, M) and weights (B, M) of documents that were found, see `FoundDocuments`; None where
    nobody tells, and without a memory."""

    def __len__(self) -> int:
        """Number of prompts."""
        return int(self.prompts.input_ids.shape[0])

    @property
    def tokens(self) -> Tensor:
        """(B,) real tokens of each prompt's samples."""
        return self.rollouts.mask.view(len(self), -1).sum(1)

    def of_prompts(self, rows: Tensor) -> Experience:
        """The part that belongs to some prompts, given by their position."""
        samples = self.rollouts.ids.shape[0] // len(self)
        own = member_positions(rows, samples)
        return Experience(
            self.prompts.rows(rows),
            self.rollouts.of_prompts(rows, samples),
            self.rewards.of(own.cpu().numpy()),
            self._reference_of(rows),
            self.reference_log_probs[own],
            self.advantages[own],
            self.returns[own],
            None if self.found is None else (self.found[0][rows], self.found[1][rows]),
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
    """Draw `samples_per_prompt` sequences for each prompt and ask what they earn."""
    config = estimate.config
    rollouts = sample(policy, prompts, config.rollout.samples_per_prompt, config.rollout.terms, generator)
    expected = score(reference, prompts, rollouts, distributions=config.needs_distributions)
    rewards = reward(rollouts)
    advantages, returns = estimate(
        rollouts, expected.log_probs, torch.from_numpy(rewards.gain).float().to(prompts.input_ids.device)
    )
    found = None
    if rewards.found is not None and policy.memory is not None:
        rows, weights = (torch.from_numpy(part).to(prompts.input_ids.device) for part in rewards.found)
        found = policy.memory.remembered(rows, weights)
    return Experience(
        prompts, rollouts, rewards, expected.distributions, expected.log_probs, advantages, returns, found
    )


@dataclass(frozen=True)
class AdvantageEstimator:
    """From scores of sequences to advantages of tokens, as the configuration says."""

    config: PPOConfig
    kl_coef: float
    """Present weight of the KL to the reference, where it is part of the reward."""
    total: losses.Total = losses.own_total
    """Sums over all processes, for whitening."""

    def __call__(self, rollouts: Rollouts, reference_log_probs: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Advantages and returns, both (N, T), from the gain (N,) of each sequence."""
        config, mask = self.config, rollouts.mask
        rewards = losses.terminal_rewards(scores, mask)
        if config.kl.placement == "reward":
            rewards -= self.kl_coef * (rollouts.log_probs - reference_log_probs) * mask
        if config.algorithm == "rloo":
            advantages = losses.leave_one_out(rewards.sum(1).view(-1, config.rollout.samples_per_prompt)).flatten()
            advantages = advantages[:, None] * mask
            return (self._scaled(advantages, mask) if config.advantage.whiten else advantages), rewards
        advantages, returns = losses.generalised_advantages(
            rewards, rollouts.values, mask, config.advantage.gamma, config.advantage.gae_lambda
        )
        if config.advantage.center_groups:
            advantages = losses.center_groups(advantages, mask, config.rollout.samples_per_prompt)
        if config.advantage.whiten:
            advantages = losses.masked_whiten(advantages, mask, self.total)
        return advantages, returns

    def _scaled(self, advantages: Tensor, mask: Tensor) -> Tensor:
        """Leave-one-out advantages have mean 0 already: only their spread is brought to 1."""
        return advantages / losses.masked_std(advantages, mask, self.total).clamp_min(1e-8)


def informative(gain: NDArray[np.float64], samples: int) -> bool:
    """Whether some prompt's samples differ in reward: without that nothing says which of them is better, and
    whitening would turn noise into advantages."""
    groups = gain.reshape(-1, samples) if samples > 1 else gain[None]
    return bool((np.ptp(groups, axis=1) > 0).any())


def experience_metrics(batch: Experience) -> dict[str, float]:
    """What the rollouts of a round look like, before any update."""
    rollouts, rewards = batch.rollouts, batch.rewards
    terms = rollouts.terms
    prompt_ids = batch.prompts.input_ids.repeat_interleave(terms.shape[0] // len(batch), 0)
    copied = (rollouts.ids[:, :, None] == prompt_ids[:, None, :]).any(-1)
    worth = {"reward_original": rewards.original, "reward_rewritten": rewards.rewritten}
    return {
        "reward_mean": float(rewards.gain.mean()),
        "reward_std": float(rewards.gain.std()),
        **{name: float(part.mean()) for name, part in worth.items() if part is not None},
        "improved_share": float((rewards.gain > 0).mean()),
        "harmed_share": float((rewards.gain < 0).mean()),
        "length": float(terms.sum(1).float().mean()),
        "copy_rate": float(distributions.masked_mean(copied.float(), terms)),
        "explained_variance": losses.explained_variance(rollouts.values, batch.returns, rollouts.mask),
        "sampled_kl": float(((rollouts.log_probs - batch.reference_log_probs) * rollouts.mask).sum(1).mean()),
    }
