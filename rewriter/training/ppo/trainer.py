"""The built-in trainer of PPO over sequences of terms, from start to end: rollout, reward, advantage, epochs.

There is no dropout anywhere: the probabilities of a rollout must be those of the update. A round is skipped if the
samples of every prompt have equal rewards, because whitening would turn rounding noise into advantages.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from untilclick.rewriter.data.environment import Environment
from untilclick.rewriter.language.prompts import Prompt, drop_words
from untilclick.rewriter.policy.sampling import score
from untilclick.rewriter.policy.t5 import T5Policy, parameter_groups
from untilclick.rewriter.ppo_config import PPOConfig, check_samples
from untilclick.rewriter.training.callbacks import Progress, Validation
from untilclick.rewriter.training.log import TrainingLog
from untilclick.rewriter.training.ppo import losses
from untilclick.rewriter.training.ppo.experience import (
    AdvantageEstimator,
    Experience,
    collect,
    experience_metrics,
    informative,
)
from untilclick.rewriter.training.ppo.objective import FIRST_STEP_METRICS, ppo_objective
from untilclick.rewriter.training.scored import Scored
from untilclick.rewriter.training.weights import BestWeights, WeightAverage

WARMUP_ROUNDS = 10
"""Rounds over which the learning rate rises linearly."""


@dataclass
class TrainerState:
    """The progress of a run, which a resumed run continues from."""

    round: int = 0
    """Rounds done."""
    rollouts: int = 0
    """Sequences drawn so far."""
    order: list[int] = field(default_factory=list)
    """Positions of the prompts that the present pass has not drawn yet."""


class PPOTrainer:
    """Trains a policy in place."""

    def __init__(
        self,
        policy: T5Policy,
        prompts: Sequence[Prompt],
        environment: Environment,
        config: PPOConfig,
        validation: Validation,
    ) -> None:
        """`environment` gives the rewards, by the position of a prompt in `prompts`. Raises UntilclickError for
        settings that compare the samples of a prompt if there is only one sample."""
        assert len(prompts) <= len(environment)
        check_samples(config)
        self.policy = policy.eval()
        self.config = config
        self.reference = copy.deepcopy(policy).requires_grad_(False)
        self.average = WeightAverage(policy, config.update.average_decay)
        self.best = BestWeights(policy)
        self.state = TrainerState()
        self.kl = losses.KLController(config.kl.coef, config.kl.target, config.kl.horizon)
        self.generator = torch.Generator().manual_seed(config.seed)  # draws sequences
        self.rng = np.random.default_rng(config.seed)  # draws prompts, left-out words, minibatches and clicks
        groups = [
            *parameter_groups(policy, config.update.learning_rate, config.update.memory_learning_rate),
            {"params": list(policy.value_head.parameters()), "lr": config.update.value_learning_rate},
        ]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: min(1.0, (step + 1) / WARMUP_ROUNDS)
        )
        self.prompts = prompts
        self.environment = environment
        self._validation = validation

    def train(
        self, log: TrainingLog, checkpoint: Callable[[], None] | None = None, progress: Progress | None = None
    ) -> None:
        """Run rounds until there are `iterations`, or until `patience` validations in a row give no new best; the
        policy ends with the best weights.

        `checkpoint` is called every `checkpoint_every` rounds; an interrupted run continues from the last call.
        """
        config = self.config
        if self.state.round == 0:
            self._validate()  # no round needs to be better than the start
        while self.state.round < config.iterations and self.best.stale < config.validation.patience:
            metrics = self.run_round()
            if self.state.round % config.validation.every == 0:
                metrics["validation"] = self._validate()
            log.write(self.state.round, metrics)
            if checkpoint is not None and self.state.round % config.checkpoint_every == 0:
                checkpoint()
            if progress is not None:
                progress(self.state.round, config.iterations, metrics["reward_mean"])
        self.best.restore(self.policy)

    def train_rounds(self, n: int, progress: Progress | None = None) -> None:
        """Run `n` rounds without validation; the policy ends with the average weights, or unchanged if `n` is 0."""
        while self.state.round < n:
            metrics = self.run_round()
            if progress is not None:
                progress(self.state.round, n, metrics["reward_mean"])
        if n:
            self.policy.load_state_dict(self.average.module.state_dict())

    def run_round(self) -> dict[str, float]:
        """Draw sequences, update the weights on them, move the average and the KL coefficient; returns the metrics of
        the round."""
        start = time.perf_counter()
        batch = self._rollout(self._next_rows())
        drawn = time.perf_counter()
        metrics = experience_metrics(batch)
        self.state.round += 1
        self.state.rollouts += batch.rollouts.ids.shape[0]
        skipped = not informative(batch.rewards.gain, self.config.rollout.samples_per_prompt)
        if not skipped:
            metrics |= self._update(batch)
            self.average.update_parameters(self.policy)
            self.kl.update(metrics["sampled_kl"], batch.rollouts.ids.shape[0])
        metrics |= {
            "skipped": float(skipped),
            "kl_coef": self.kl.coefficient,
            "rollouts": float(self.state.rollouts),
            "rollout_seconds": drawn - start,
            "update_seconds": time.perf_counter() - drawn,
        }
        return metrics

    def _next_rows(self) -> NDArray[np.int64]:
        """(B,) positions of the prompts of the next round. A pass takes every prompt once, in random order; prompts
        that do not fill a last round are left out of the pass."""
        n = min(self.config.rollout.prompts_per_iteration, len(self.prompts))
        if len(self.state.order) < n:
            self.state.order = self.rng.permutation(len(self.prompts)).tolist()
        rows, self.state.order = self.state.order[:n], self.state.order[n:]
        return np.array(rows, dtype=np.int64)

    def _rollout(self, rows: NDArray[np.int64]) -> Experience:
        """The experience of a round on the prompts at positions `rows` (B,)."""
        prompts = [drop_words(self.prompts[row], self.config.rollout.word_dropout, self.rng) for row in rows]
        return collect(
            self.policy,
            self.reference,
            self.policy.batch(prompts),
            lambda drawn: self.environment.rewards(
                rows, drawn.ids.cpu().numpy(), drawn.terms.cpu().numpy(), self.rng
            ),
            AdvantageEstimator(self.config, self.kl.coefficient),
            self.generator,
        )

    def _update(self, batch: Experience) -> dict[str, float]:
        """All optimiser steps of a round; returns the parts of the loss. KL and entropy are those of the first step,
        before the round has moved the policy; the others are those of the last step."""
        metrics: list[dict[str, float]] = []
        n_steps = min(self.config.update.minibatches, len(batch))
        for _ in range(self.config.update.epochs):
            order = torch.arange(len(batch), device=self.policy.device)  # (B,)
            if n_steps > 1:
                order = order[torch.from_numpy(self.rng.permutation(len(batch)))]
            metrics += [self._optimiser_step(batch.of_prompts(rows)) for rows in order.tensor_split(n_steps)]
        self.schedule.step()
        return {name: metrics[0 if name in FIRST_STEP_METRICS else -1][name] for name in metrics[-1]}

    def _optimiser_step(self, batch: Experience) -> dict[str, float]:
        """One optimiser step on some prompts of a round, computed in micro-batches; returns the parts of the loss."""
        self.optimizer.zero_grad()
        totals: dict[str, float] = {}
        for rows in torch.arange(len(batch), device=self.policy.device).chunk(self.config.update.micro_batches):
            part = batch.of_prompts(rows)
            share = float(part.tokens.sum() / batch.tokens.sum())  # means are over tokens, so parts weigh by tokens
            scores = score(self.policy, part.prompts, part.rollouts, distributions=self.config.needs_distributions)
            loss, parts = ppo_objective(scores, part, self.config, self.kl.coefficient)
            (loss * share).backward()  # type: ignore[no-untyped-call]
            totals = {name: totals.get(name, 0.0) + float(value.detach()) * share for name, value in parts.items()}
        norm = nn.utils.clip_grad_norm_(self.policy.parameters(), self.config.update.max_grad_norm)
        totals["grad_norm"] = float(norm)
        self.optimizer.step()
        return totals

    def _validate(self) -> float:
        score = self._validation(self.average.module)
        self.best.keep(self.average.module, score, self.state.round)
        return Scored.of(score).mean
