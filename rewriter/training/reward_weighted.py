"""Return-weighted regression on logged actions: cross-entropy, each action weighted by what came of it.

With weights that are the returns this is Peters & Schaal, "Reinforcement learning by reward-weighted regression for
operational space control", ICML 2007 (returns, never negative, as an improper distribution over what was done), known
for language models as reward-weighted fine-tuning; with exp(advantage / temperature) it is the policy step of Peng,
Kumar, Zhang & Levine, "Advantage-Weighted Regression", 2019, algorithm 1. A weight never turns negative, so nothing
is unlearned that nobody tried; the KL to the starting policy keeps the rest where it is.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from untilclick.rewriter.config import OfflineConfig
from untilclick.rewriter.data.logged_actions import LoggedAction, prompt_values
from untilclick.rewriter.language.prompts import drop_words
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.policy.distributions import exact_kl, masked_mean
from untilclick.rewriter.policy.sampling import score
from untilclick.rewriter.policy.sequences import Rollouts
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy, parameter_groups
from untilclick.rewriter.training.callbacks import Progress, Validation
from untilclick.rewriter.training.length_batches import length_batches
from untilclick.rewriter.training.optimisation import LinearWarmupDecay, descend
from untilclick.rewriter.training.weights import EpochValidation, TrainedEpochs

WARMUP_STEPS = 40
"""Steps over which the learning rate rises; a tenth of all where there are fewer than 400."""


class WeightedAction(NamedTuple):
    """An action with its weight in the loss."""

    action: LoggedAction
    weight: float
    """Positive; the mean over all times that such an action was taken is 1."""


def weigh(actions: Sequence[LoggedAction], config: OfflineConfig) -> list[WeightedAction]:
    """The actions that have a weight, scaled to mean 1 so that they leave the learning rate alone. With `return`,
    what never came to a click has none, and a log without clicks gives an empty list."""
    if config.rwft.weighting == "return":
        raw = np.array([one.mean_return for one in actions])
    else:
        values = prompt_values(actions)
        advantages = np.array([one.mean_return - values[one.prompt] for one in actions])
        raw = np.minimum(np.exp(advantages / config.rwft.temperature), config.rwft.max_weight)
    kept = [(one, float(weight)) for one, weight in zip(actions, raw, strict=True) if weight > 0]
    times = sum(one.count for one, _ in kept)
    total = sum(one.count * weight for one, weight in kept)
    return [WeightedAction(one, weight * times / total) for one, weight in kept]


def as_rollouts(policy: T5Policy, batch: PromptBatch, actions: Sequence[LoggedAction], length: int) -> Rollouts:
    """One logged sequence for each prompt, in the form of drawn ones: `rollout.score` can tell their probability.

    Decoding in parallel chooses here among the whole vocabulary, of which the service reads the distribution;
    autoregressive decoding among the first step's best terms and those of the action, with the end token after an
    action shorter than `length`. `log_probs` and `values` are 0: nobody knows how likely people were to type this.
    """
    ends = policy.decoding == "autoregressive"
    sequences = [(*one.terms, *([EOS_ID] if ends and len(one.terms) < length else [])) for one in actions]
    width = max(len(sequence) for sequence in sequences)
    ids = torch.tensor([(*one, *[PAD_ID] * (width - len(one))) for one in sequences], device=batch.input_ids.device)
    mask = ids != PAD_ID
    zeros = torch.zeros(ids.shape, device=ids.device)
    return Rollouts(ids, mask, zeros, zeros, _choices(policy, batch, ids) if ends else _all_terms(policy, ids))


def warmup_steps(steps: int) -> int:
    """Steps of warm-up of a training of so many steps."""
    return max(1, min(WARMUP_STEPS, steps // 10))


def train_reward_weighted(
    policy: T5Policy,
    actions: Sequence[WeightedAction],
    config: OfflineConfig,
    validation: Validation,
    progress: Progress | None = None,
) -> TrainedEpochs:
    """Train in place; leaves the weights of the epoch that validates best. There is no dropout, as in PPO, because
    the KL would measure it."""
    rng = np.random.default_rng(config.seed)
    reference = copy.deepcopy(policy.eval()).requires_grad_(False)
    groups = parameter_groups(policy, config.learning_rate, config.memory_learning_rate)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    steps = config.epochs * -(-len(actions) // config.batch_size)
    schedule = LinearWarmupDecay(optimizer, warmup_steps(steps), steps, floor=0.05)
    lengths = [len(one.action.prompt.ids) for one in actions]
    course, done = EpochValidation(policy, validation), 0
    for _ in range(config.epochs):
        for rows in length_batches(lengths, config.batch_size, rng):
            loss = weighted_loss(policy, reference, [actions[row] for row in rows], config, rng)
            value = descend(loss, policy, optimizer, config.max_grad_norm)
            schedule.step()
            done += 1
            if progress is not None:
                progress(done, steps, value)
        course.epoch()
        if course.stale >= config.rwft.patience:
            break
    return course.finish()


def weighted_loss(
    policy: T5Policy,
    reference: T5Policy,
    batch: Sequence[WeightedAction],
    config: OfflineConfig,
    rng: np.random.Generator,
) -> Tensor:
    """() sum over actions of count x weight x -log pi(action | prompt), divided by the sum of counts, in nats, plus
    `kl_coef` times the exact KL(policy || reference) of the next term, mean over the steps taken."""
    actions = [one.action for one in batch]
    seen = [drop_words(one.prompt, config.word_dropout, rng) for one in actions]
    prompts = policy.batch(seen)
    rollouts = as_rollouts(policy, prompts, actions, config.terms)
    scores = score(policy, prompts, rollouts)
    with torch.no_grad():
        before = score(reference, prompts, rollouts).next_token()
    counts = torch.tensor([float(one.count) for one in actions], device=policy.device)
    weights = torch.tensor([one.weight for one in batch], device=policy.device)
    log_probs = (scores.log_probs * rollouts.mask).sum(1)
    loss = -(counts * weights * log_probs).sum() / counts.sum()
    return loss + config.rwft.kl_coef * masked_mean(exact_kl(scores.next_token(), before), scores.steps)


def _all_terms(policy: T5Policy, ids: Tensor) -> Tensor:
    """(B, V) every token; banned ones have probability 0 and take part in nothing."""
    return torch.arange(policy.vocabulary_size, device=ids.device).expand(ids.shape[0], -1)


@torch.no_grad()
def _choices(policy: T5Policy, batch: PromptBatch, ids: Tensor) -> Tensor:
    """(B, C + 1) the terms of each sequence, then the policy's best, the end token last."""
    preferred = policy.first_step_log_probs(batch).masked_fill(batch.banned, -torch.inf)
    preferred = preferred.scatter(1, ids, torch.inf)
    preferred[:, [PAD_ID, EOS_ID]] = -torch.inf
    allowed = int((~torch.isneginf(preferred)).sum(1).min())
    best = preferred.topk(min(max(policy.candidates, ids.shape[1]), allowed), dim=-1).indices
    return torch.cat([best, torch.full_like(best[:, :1], EOS_ID)], dim=1)
