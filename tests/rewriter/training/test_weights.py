"""The best weights of a training, and their average over time."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from untilclick.rewriter.training.scored import Scored
from untilclick.rewriter.training.weights import (
    BestScore,
    BestWeights,
    EpochValidation,
    TrainedEpochs,
    WeightAverage,
)

from tests.rewriter.toy_learning import shaken, toy_policy


def test_the_best_score_is_the_first_of_the_highest():
    best = BestScore()
    assert [best.offer(score, step) for step, score in enumerate([0.2, 0.2, 0.5, 0.1, 0.5])] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert (best.score, best.step, best.stale) == (0.5, 2, 2)


def test_before_any_offer_the_best_weights_are_those_of_the_start(opened):
    policy, _ = toy_policy(opened)
    start = copy.deepcopy(policy.state_dict())
    best = BestWeights(policy)
    assert best.score == -math.inf
    shaken(policy)
    best.restore(policy)
    assert all(torch.equal(start[name], weight) for name, weight in policy.state_dict().items())


def test_the_best_epoch_is_left_whatever_came_after_it(opened):
    policy, _ = toy_policy(opened)
    scores = iter([0.1, 0.4, 0.3])
    course = EpochValidation(policy, lambda _: next(scores))
    shaken(policy, seed=1)
    course.validate()
    best = copy.deepcopy(policy.state_dict())
    shaken(policy, seed=2)
    course.validate()
    assert course.stale == 1
    trained = course.finish()
    assert trained == TrainedEpochs(1, (0.1, 0.4, 0.3))
    assert trained.best_score == 0.4
    assert all(torch.equal(best[name], weight) for name, weight in policy.state_dict().items())


@pytest.mark.parametrize("decay", [0.0, 0.75, 0.99])
def test_the_average_is_a_linear_interpolation_to_the_last_bit(opened, decay):
    """Runs resumed from averaged weights of earlier versions continue with the same numbers."""
    policy, _ = toy_policy(opened)
    expected = copy.deepcopy(policy)
    average = WeightAverage(policy, decay)
    for seed in range(4):
        shaken(policy, seed)
        average.update_parameters(policy)
        with torch.no_grad():
            for averaged, present in zip(expected.parameters(), policy.parameters(), strict=True):
                averaged.lerp_(present, 1.0 - decay)
    assert all(
        torch.equal(weight, average.module.state_dict()[name]) for name, weight in expected.state_dict().items()
    )
    assert not any(weight.requires_grad for weight in average.module.parameters())
    assert not average.module.training


def test_of_weights_that_cannot_be_told_apart_those_that_learned_longest_are_kept(opened):
    policy, _ = toy_policy(opened)
    needs, best = np.arange(4), np.array([0.5, 0.6, 0.4, 0.7])
    gaps = [
        0.2,
        0.0,
        np.array([0.1, -0.05, 0.0, 0.05]),
        0.02,
    ]  # the second is the best, the third level, the last not
    kept = BestWeights(policy)
    for step, gap in enumerate(gaps):
        shaken(policy, seed=step)
        kept.keep(policy, Scored(float((best - gap).mean()), best - gap, needs), step)
        if step == 2:
            level = copy.deepcopy(policy.state_dict())
    assert (kept.score, kept.step, kept.stale) == (pytest.approx(best.mean()), 2, 2)
    assert all(torch.equal(level[name], weight) for name, weight in kept.weights.items())
