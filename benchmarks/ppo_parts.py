"""Where a round of the built-in PPO spends its time: each part by itself, on one round's prompts."""

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
    """Medians. `prompts` are as many as a round has. Moves the policy."""
    config, policy = trainer.config, trainer.policy
    batch, generator, rng = policy.batch(prompts), torch.Generator().manual_seed(0), np.random.default_rng(0)
    rows, n_updates = np.arange(len(prompts)), config.update.epochs * config.update.minibatches
    drawn = sample(policy, batch, config.rollout.samples_per_prompt, config.rollout.terms, generator)
    own = (drawn.ids.cpu().numpy(), drawn.terms.cpu().numpy())
    whole = config.needs_distributions
    experience = collect(
        policy,
        trainer.reference,
        batch,
        lambda found: trainer.environment.rewards(rows, found.ids.cpu().numpy(), found.terms.cpu().numpy(), rng),
        AdvantageEstimator(config, trainer.kl.coefficient),
        generator,
    )
    part = experience.of_prompts(
        torch.arange(max(1, len(prompts) // config.update.minibatches), device=policy.device)
    )

    def loss() -> torch.Tensor:
        scores = score(policy, part.prompts, part.rollouts, distributions=whole)
        return ppo_objective(scores, part, config, trainer.kl.coefficient).loss

    def reference() -> None:
        with torch.no_grad():
            score(trainer.reference, batch, drawn, distributions=whole)

    forward = _seconds(loss)
    backward = _seconds(lambda: loss().backward()) - forward  # type: ignore[no-untyped-call]
    return RoundParts(
        draw=_seconds(
            lambda: sample(policy, batch, config.rollout.samples_per_prompt, config.rollout.terms, generator)
        ),
        reference=_seconds(reference),
        reward=_seconds(lambda: trainer.environment.rewards(rows, *own, rng)),
        forward=forward * n_updates,
        backward=backward * n_updates,
        step=_seconds(trainer.optimizer.step) * n_updates,
    )


def _seconds(way: Callable[[], object]) -> float:
    way()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        way()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return median(times)
