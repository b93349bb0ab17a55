"""PPO over term sequences, start to end: rollout, reward, advantage, epochs. The built-in backend.

No dropout anywhere, so that the probabilities of a rollout are those of the update. A round in which
the samples of each prompt have equal rewards carries no signal and is skipped: whitening would otherwise turn noise
into advantages.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rewriter import ppo
from rewriter.callbacks import Progress, Validation
from rewriter.config import PPOConfig
from rewriter.environment import RewardBatch, RewardEnvironment
from rewriter.policy import PromptBatch, TermPolicy, collate
from rewriter.prompts import Prompt, drop_words
from rewriter.rollout import Rollouts, Scores, sample, score
from rewriter.training_log import TrainingLog
from search.errors import UntilclickError

WARMUP_ROUNDS = 10
"""Rounds over which the learning rate rises."""


@dataclass
class TrainerState:
    """Everything besides weights that a resumed run continues from."""

    round: int = 0
    """Rounds done."""
    rollouts: int = 0
    """Sequences drawn so far."""
    best: float = -float("inf")
    """Best validation score."""
    best_round: int = 0
    """The round that reached it; 0 is the start."""
    stale: int = 0
    """Validations since."""
    order: list[int] = field(default_factory=list)
    """Queries of the present pass that are still to come."""


@dataclass(frozen=True)
class Batch:
    """One round's experience."""

    prompts: PromptBatch
    rollouts: Rollouts
    rewards: RewardBatch
    reference: Tensor
    """(M, K) log-probabilities of the reference at the same decoder steps."""
    reference_log_probs: Tensor
    """(N, T) the reference's log-probability of each drawn token."""
    advantages: Tensor
    """(N, T)"""
    returns: Tensor
    """(N, T)"""


class PPOTrainer:
    """Trains a policy in place."""

    def __init__(
        self,
        policy: TermPolicy,
        prompts: Sequence[Prompt],
        environment: RewardEnvironment,
        config: PPOConfig,
        validation: Validation,
    ) -> None:
        """Raises UntilclickError for settings that compare the samples of a prompt where there is only one."""
        assert len(prompts) == len(environment)
        _check_samples(config)
        self.policy = policy.eval()
        self.config = config
        self.reference = copy.deepcopy(policy).requires_grad_(False)
        self.averaged = copy.deepcopy(policy).requires_grad_(False)
        self.best = copy.deepcopy(policy.state_dict())
        self.state = TrainerState()
        self.kl = ppo.KLController(config.kl_coef, config.kl_target, config.kl_horizon)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.rng = np.random.default_rng(config.seed)
        groups = [
            {"params": list(policy.t5.parameters()), "lr": config.learning_rate},
            {"params": list(policy.value_head.parameters()), "lr": config.value_learning_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1.0, (step + 1) / WARMUP_ROUNDS)
        )
        self._prompts = prompts
        self._environment = environment
        self._validation = validation

    def train(
        self, log: TrainingLog, checkpoint: Callable[[], None] | None = None, progress: Progress | None = None
    ) -> None:
        """Rounds until `iterations` or until validation has been stale for `patience`; leaves the best weights.

        `checkpoint` is called every `checkpoint_every` rounds: an interrupted run continues from the last of them.
        """
        if self.state.round == 0:
            self._validate()
        while self.state.round < self.config.iterations and self.state.stale < self.config.patience:
            metrics = self.step()
            if self.state.round % self.config.validate_every == 0:
                metrics["validation"] = self._validate()
            log.write(self.state.round, metrics)
            if checkpoint is not None and self.state.round % self.config.checkpoint_every == 0:
                checkpoint()
            if progress is not None:
                progress(self.state.round, self.config.iterations, metrics["reward_mean"])
        self.policy.load_state_dict(self.best)

    def step(self) -> dict[str, float]:
        """One round; returns its metrics."""
        started = time.perf_counter()
        batch = self._rollout(self._next_rows())
        rolled = time.perf_counter()
        metrics = _experience_metrics(batch)
        self.state.round += 1
        self.state.rollouts += batch.rollouts.ids.shape[0]
        skipped = not self._informative(batch.rewards.gain)
        if not skipped:
            metrics |= self._update(batch)
            self._average()
            self.kl.update(metrics["sampled_kl"], batch.rollouts.ids.shape[0])
        metrics |= {
            "skipped": float(skipped),
            "kl_coef": self.kl.coefficient,
            "rollouts": float(self.state.rollouts),
            "rollout_seconds": rolled - started,
            "update_seconds": time.perf_counter() - rolled,
        }
        return metrics

    def _informative(self, gain: NDArray[np.float64]) -> bool:
        """Whether some prompt's samples differ in reward: without that nothing says which of them is better."""
        samples = self.config.samples_per_prompt
        groups = gain.reshape(-1, samples) if samples > 1 else gain[None]
        return bool((np.ptp(groups, axis=1) > 0).any())

    def _next_rows(self) -> NDArray[np.int64]:
        n = min(self.config.prompts_per_iteration, len(self._prompts))
        if len(self.state.order) < n:
            self.state.order = self.rng.permutation(len(self._prompts)).tolist()
        rows, self.state.order = self.state.order[:n], self.state.order[n:]
        return np.array(rows, dtype=np.int64)

    @torch.no_grad()
    def _rollout(self, rows: NDArray[np.int64]) -> Batch:
        config = self.config
        seen = [drop_words(self._prompts[row], config.word_dropout, self.rng) for row in rows]
        prompts = collate(seen, self.policy.vocabulary_size)
        rollouts = sample(self.policy, prompts, config.samples_per_prompt, config.terms, self.generator)
        reference = score(self.reference, prompts, rollouts)
        rewards = self._environment.rewards(rows, rollouts.ids.numpy(), rollouts.terms.numpy(), self.rng)
        advantages, returns = self._advantages(rollouts, reference, rewards)
        return Batch(prompts, rollouts, rewards, reference.distributions, reference.log_probs, advantages, returns)

    def _advantages(self, rollouts: Rollouts, reference: Scores, rewards: RewardBatch) -> tuple[Tensor, Tensor]:
        config, mask = self.config, rollouts.mask
        token_rewards = ppo.terminal_rewards(torch.from_numpy(rewards.gain).float(), mask)
        if config.kl_placement == "reward":
            token_rewards -= self.kl.coefficient * (rollouts.log_probs - reference.log_probs) * mask
        if config.algorithm == "rloo":
            totals = token_rewards.sum(1).view(-1, config.samples_per_prompt)
            advantages = ppo.leave_one_out(totals).flatten()[:, None] * mask
            if config.whiten_advantages:
                advantages = advantages / advantages[mask].std().clamp_min(1e-8)
            return advantages, token_rewards
        advantages, returns = ppo.generalised_advantages(
            token_rewards, rollouts.values, mask, config.gamma, config.gae_lambda
        )
        if config.center_groups:
            advantages = ppo.center_groups(advantages, mask, config.samples_per_prompt)
        return (ppo.masked_whiten(advantages, mask) if config.whiten_advantages else advantages), returns

    def _update(self, batch: Batch) -> dict[str, float]:
        metrics: list[dict[str, float]] = []
        for _ in range(self.config.epochs):
            self.optimizer.zero_grad()
            totals: dict[str, float] = {}
            tokens = batch.rollouts.mask.view(batch.prompts.input_ids.shape[0], -1).sum(1)  # (B,)
            for rows in torch.arange(tokens.numel()).chunk(self.config.micro_batches):
                share = float(tokens[rows].sum() / tokens.sum())  # means are over tokens, so parts weigh by tokens
                loss, parts = self._loss(batch, rows)
                (loss * share).backward()  # type: ignore[no-untyped-call]
                totals = {
                    name: totals.get(name, 0.0) + float(value.detach()) * share for name, value in parts.items()
                }
            totals["grad_norm"] = float(nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.max_grad_norm))
            self.optimizer.step()
            metrics.append(totals)
        self.schedule.step()
        return {name: metrics[0 if name in ("kl", "entropy") else -1][name] for name in metrics[-1]}

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averaged weights towards the present ones (Polyak & Juditsky 1992)."""
        for averaged, present in zip(self.averaged.parameters(), self.policy.parameters(), strict=True):
            averaged.lerp_(present, 1.0 - self.config.average_decay)

    def _loss(self, batch: Batch, rows: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of some prompts of a round and its parts, all means over real tokens."""
        config, samples = self.config, self.config.samples_per_prompt
        rollouts = batch.rollouts.of_prompts(rows, samples)
        own = torch.arange(batch.rollouts.ids.shape[0]).view(-1, samples)[rows].flatten()
        scores = score(self.policy, batch.prompts.rows(rows), rollouts)
        steps = torch.arange(batch.reference.shape[0]).view(batch.prompts.input_ids.shape[0], -1)[rows].flatten()
        surrogate = ppo.clipped_policy_loss(
            scores.log_probs, rollouts.log_probs, batch.advantages[own], rollouts.mask, config.clip_range
        )
        kl = ppo.masked_mean(ppo.exact_kl(scores.distributions, batch.reference[steps]), scores.steps)
        spread = ppo.masked_mean(ppo.entropy(scores.distributions), scores.steps)
        loss = surrogate.loss - config.entropy_coef * spread
        parts = {"policy_loss": surrogate.loss, "clip_share": surrogate.clip_share, "approx_kl": surrogate.approx_kl}
        if config.kl_placement == "loss":
            loss = loss + self.kl.coefficient * kl
        if config.algorithm == "ppo":
            value_loss = ppo.clipped_value_loss(
                scores.values, rollouts.values, batch.returns[own], rollouts.mask, config.value_clip_range
            )
            loss = loss + config.value_coef * value_loss
            parts["value_loss"] = value_loss
        return loss, {**parts, "kl": kl, "entropy": spread}

    def _validate(self) -> float:
        value = self._validation(self.averaged)
        if value > self.state.best:
            self.state.best, self.state.best_round, self.state.stale = value, self.state.round, 0
            self.best = copy.deepcopy(self.averaged.state_dict())
        else:
            self.state.stale += 1
        return value


def _check_samples(config: PPOConfig) -> None:
    """A single sample has no other to be compared with: its centred advantage says nothing of the reward."""
    if config.samples_per_prompt >= 2:
        return
    if config.algorithm == "rloo":
        remedy = "ppo.algorithm=rloo compares the samples of a prompt; give 2 or more, or use ppo.algorithm=ppo"
    elif config.center_groups:
        remedy = "ppo.center_groups compares the samples of a prompt; give 2 or more, or set it to false"
    elif config.samples_per_prompt < 1:
        remedy = "give 1 or more"
    else:
        return
    raise UntilclickError(f"ppo.samples_per_prompt is {config.samples_per_prompt}: {remedy}")


def _experience_metrics(batch: Batch) -> dict[str, float]:
    """What the rollouts of a round look like, before any update."""
    rollouts, rewards = batch.rollouts, batch.rewards
    terms = rollouts.terms
    prompt_ids = batch.prompts.input_ids.repeat_interleave(terms.shape[0] // batch.prompts.input_ids.shape[0], 0)
    copied = (rollouts.ids[:, :, None] == prompt_ids[:, None, :]).any(-1)
    return {
        "reward_mean": float(rewards.gain.mean()),
        "reward_std": float(rewards.gain.std()),
        "reward_original": float(rewards.original.mean()),
        "reward_rewritten": float(rewards.rewritten.mean()),
        "improved_share": float((rewards.gain > 0).mean()),
        "harmed_share": float((rewards.gain < 0).mean()),
        "length": float(terms.sum(1).float().mean()),
        "copy_rate": float(ppo.masked_mean(copied.float(), terms)),
        "explained_variance": ppo.explained_variance(rollouts.values, batch.returns, rollouts.mask),
        "sampled_kl": float(((rollouts.log_probs - batch.reference_log_probs) * rollouts.mask).sum(1).mean()),
    }
