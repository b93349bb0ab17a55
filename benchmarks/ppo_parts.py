"""Measures where a round of the built-in PPO spends its time, each part by itself, on the prompts of one round."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch

from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.policy.sampling import sample, score
from untilclick.rewriter.training.ppo.experience import AdvantageEstimator, collect
from untilclick.rewriter.training.ppo.objective import ppo_objective
from untilclick.rewriter.training.ppo.trainer import PPOTrainer

from benchmarks.ppo_records import RoundParts

REPEATS = 3


def parts_of_round(trainer: PPOTrainer, prompts: tuple[Prompt, ...]) -> RoundParts:
    """Median time of each part over several repeats.

    `prompts` are the prompts of one round. The optimiser steps change the policy.
    """
    config, policy = trainer.config, trainer.policy
    batch, generator, rng = policy.batch(prompts), torch.Generator().manual_seed(0), np.random.default_rng(0)
    rows, n_updates = np.arange(len(prompts)), config.update.epochs * config.update.minibatches
    drawn = sample(policy, batch, config.rollout.samples_per_prompt, config.rollout.terms, generator)
    ids, terms = drawn.ids.cpu().numpy(), drawn.terms.cpu().numpy()  # (M, T) each
    distributions = config.needs_distributions
    experience = collect(
        policy,
        trainer.reference,
        batch,
        lambda rollouts: trainer.environment.rewards(
            rows, rollouts.ids.cpu().numpy(), rollouts.terms.cpu().numpy(), rng
        ),
        AdvantageEstimator(config, trainer.kl.coefficient),
        generator,
    )
    minibatch = experience.of_prompts(
        torch.arange(max(1, len(prompts) // config.update.minibatches), device=policy.device)
    )

    def loss() -> torch.Tensor:
        scores = score(policy, minibatch.prompts, minibatch.rollouts, distributions=distributions)
        return ppo_objective(scores, minibatch, config, trainer.kl.coefficient).loss

    def reference() -> None:
        with torch.no_grad():
            score(trainer.reference, batch, drawn, distributions=distributions)

    forward = _seconds(loss)
    # A backward pass needs a forward pass, whose time is subtracted.
    backward = _seconds(lambda: loss().backward()) - forward  # type: ignore[no-untyped-call]
    return RoundParts(
        draw=_seconds(
            lambda: sample(policy, batch, config.rollout.samples_per_prompt, config.rollout.terms, generator)
        ),
        reference=_seconds(reference),
        reward=_seconds(lambda: trainer.environment.rewards(rows, ids, terms, rng)),
        forward=forward * n_updates,
        backward=backward * n_updates,
        step=_seconds(trainer.optimizer.step) * n_updates,
    )


def _seconds(work: Callable[[], object]) -> float:
    work()  # warm-up
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return median(times)
