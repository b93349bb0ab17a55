"""Return-weighted regression: cross-entropy on logged actions, each weighted by the return that it led to.

With the returns as weights this is Peters & Schaal, "Reinforcement learning by reward-weighted regression for
operational space control", ICML 2007 (returns that are never negative count as an improper distribution over the
actions), known for language models as reward-weighted fine-tuning. With exp(advantage / temperature) it is the policy
step of Peng, Kumar, Zhang & Levine, "Advantage-Weighted Regression", 2019, algorithm 1. Weights are never negative,
so no action is pushed down that the log does not hold; the KL to the starting policy keeps the rest of the
distribution where it was.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from untilclick.rewriter.data.logged_actions import LoggedAction, prompt_values
from untilclick.rewriter.language.prompts import drop_words
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.distributions import exact_kl, masked_mean
from untilclick.rewriter.policy.sampling import score
from untilclick.rewriter.policy.sequences import Rollouts
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy, parameter_groups
from untilclick.rewriter.training.callbacks import Progress, Validation
from untilclick.rewriter.training.length_batches import length_batches
from untilclick.rewriter.training.optimisation import LinearWarmupDecay, descend
from untilclick.rewriter.training.weights import EpochValidation, TrainedEpochs

WARMUP_STEPS = 40
"""Steps over which the learning rate rises; a tenth of all steps if there are fewer than 400."""


class WeightedAction(NamedTuple):
    """An action with its weight in the loss."""

    action: LoggedAction
    weight: float
    """Positive. The mean over all actions, each counted as often as it was taken, is 1."""


def weigh(actions: Sequence[LoggedAction], config: OfflineConfig) -> list[WeightedAction]:
    """The actions with a positive weight. Weights are scaled to mean 1, so that they do not change the effective
    learning rate. With the weighting `return`, actions that never led to a click drop out, and a log without clicks
    gives an empty list."""
    if config.rwft.weighting == "return":
        raw_weights = np.array([action.mean_return for action in actions])
    else:
        values = prompt_values(actions)
        advantages = np.array([action.mean_return - values[action.prompt] for action in actions])
        raw_weights = np.minimum(np.exp(advantages / config.rwft.temperature), config.rwft.max_weight)
    positive = [(action, float(weight)) for action, weight in zip(actions, raw_weights, strict=True) if weight > 0]
    times = sum(action.count for action, _ in positive)
    total = sum(action.count * weight for action, weight in positive)
    return [WeightedAction(action, weight * times / total) for action, weight in positive]


def as_rollouts(policy: T5Policy, batch: PromptBatch, actions: Sequence[LoggedAction], length: int) -> Rollouts:
    """One logged sequence for each prompt in the form of drawn ones, so that `sampling.score` gives its probability.

    With parallel decoding the candidates are the whole vocabulary, since the service reads the whole first
    distribution. With autoregressive decoding they are the best terms of the first step and the terms of the action,
    and an action shorter than `length` ends with the end token. `log_probs` and `values` are 0: the probability that
    people would type this is unknown, and the loss does not use it.
    """
    ends = policy.decoding == "autoregressive"
    sequences = [(*action.terms, *([EOS_ID] if ends and len(action.terms) < length else [])) for action in actions]
    width = max(len(sequence) for sequence in sequences)
    padded = [(*sequence, *[PAD_ID] * (width - len(sequence))) for sequence in sequences]
    ids = torch.tensor(padded, device=batch.input_ids.device)  # (B, T)
    mask = ids != PAD_ID  # (B, T)
    zeros = torch.zeros(ids.shape, device=ids.device)
    candidates = _best_candidates(policy, batch, ids) if ends else _all_tokens(policy, ids)  # (B, C)
    return Rollouts(ids, mask, zeros, zeros, candidates)


def warmup_steps(steps: int) -> int:
    """Number of warm-up steps in a training of `steps` steps, at least 1."""
    return max(1, min(WARMUP_STEPS, steps // 10))


def train_reward_weighted(
    policy: T5Policy,
    actions: Sequence[WeightedAction],
    config: OfflineConfig,
    validation: Validation,
    progress: Progress | None = None,
) -> TrainedEpochs:
    """Train in place; the policy ends with the weights of the epoch that validates best. There is no dropout, as in
    PPO, because the KL to the starting policy would include its noise."""
    an_epoch = -(-len(actions) // config.batch_size)
    training = RewardWeightedCourse(policy, actions, config, config.epochs * an_epoch, progress)
    batches, course = training.batches(), EpochValidation(policy, validation)
    for _ in range(config.epochs):
        training.train(islice(batches, an_epoch))
        course.validate()
        if course.stale >= config.rwft.patience:
            break
    return course.finish()


class RewardWeightedCourse:
    """The optimiser steps of a training, in place."""

    def __init__(
        self,
        policy: T5Policy,
        actions: Sequence[WeightedAction],
        config: OfflineConfig,
        steps: int,
        progress: Progress | None,
    ) -> None:
        """`steps` is the length of the schedule of the learning rate, on which training may stop early."""
        self._policy, self._actions, self._config = policy, actions, config
        self._rng = np.random.default_rng(config.seed)
        self._reference = copy.deepcopy(policy.eval()).requires_grad_(False)
        groups = parameter_groups(policy, config.learning_rate, config.memory_learning_rate)
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
        self._schedule = LinearWarmupDecay(self._optimizer, warmup_steps(steps), steps, floor=0.05)
        self._steps, self._step, self._progress = steps, 0, progress

    def batches(self) -> Iterator[list[WeightedAction]]:
        """Batches without end; each pass takes every action once, prompts of similar length together."""
        lengths = [len(weighted.action.prompt.ids) for weighted in self._actions]
        while True:
            for rows in length_batches(lengths, self._config.batch_size, self._rng):
                yield [self._actions[row] for row in rows]

    def train(self, batches: Iterable[Sequence[WeightedAction]]) -> None:
        """One step on each of some batches."""
        for batch in batches:
            loss = weighted_loss(self._policy, self._reference, batch, self._config, self._rng)
            value = descend(loss, self._policy, self._optimizer, self._config.max_grad_norm)
            self._schedule.step()
            self._step += 1
            if self._progress is not None:
                self._progress(self._step, self._steps, value)


def weighted_loss(
    policy: T5Policy,
    reference: T5Policy,
    batch: Sequence[WeightedAction],
    config: OfflineConfig,
    rng: np.random.Generator,
) -> Tensor:
    """() the sum over actions of count x weight x -log pi(action | prompt) divided by the sum of counts, in nats,
    plus `kl_coef` times the exact KL(policy || reference) of the next term, averaged over the steps taken."""
    actions = [weighted.action for weighted in batch]
    prompts = policy.batch([drop_words(action.prompt, config.word_dropout, rng) for action in actions])
    rollouts = as_rollouts(policy, prompts, actions, config.terms)
    scores = score(policy, prompts, rollouts)
    with torch.no_grad():
        reference_distributions = score(reference, prompts, rollouts).next_token()  # (M, K)
    counts = torch.tensor([float(action.count) for action in actions], device=policy.device)  # (B,)
    weights = torch.tensor([weighted.weight for weighted in batch], device=policy.device)  # (B,)
    log_probs = (scores.log_probs * rollouts.mask).sum(1)  # (B,) of whole actions
    # An action is taken once per batch, however often it is in the log: its count is a weight.
    loss = -(counts * weights * log_probs).sum() / counts.sum()  # ()
    kl = masked_mean(exact_kl(scores.next_token(), reference_distributions), scores.steps)  # ()
    return loss + config.rwft.kl_coef * kl


def _all_tokens(policy: T5Policy, ids: Tensor) -> Tensor:
    """(B, V) every token. Banned tokens are included: they have probability 0 and change nothing."""
    return torch.arange(policy.vocabulary_size, device=ids.device).expand(ids.shape[0], -1)


@torch.no_grad()
def _best_candidates(policy: T5Policy, batch: PromptBatch, ids: Tensor) -> Tensor:
    """(B, C + 1) the terms of each sequence (B, T), then the policy's best terms, the end token last."""
    preference = policy.first_step_log_probs(batch).masked_fill(batch.banned, -torch.inf)  # (B, V)
    preference = preference.scatter(1, ids, torch.inf)  # the action's own terms come first
    preference[:, [PAD_ID, EOS_ID]] = -torch.inf  # the end token is appended below
    allowed = int((~torch.isneginf(preference)).sum(1).min())  # a row with many banned terms has fewer
    best = preference.topk(min(max(policy.candidates, ids.shape[1]), allowed), dim=-1).indices  # (B, C)
    return torch.cat([best, torch.full_like(best[:, :1], EOS_ID)], dim=1)
