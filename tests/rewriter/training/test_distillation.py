"""Teaching a policy the first step of another."""

from __future__ import annotations

import copy

import pytest
import torch

from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.training.distillation import distil, divergence, mean_divergence

from tests.rewriter.toy_learning import prompt_of, shaken, toy_policy

CONFIG = changed(OfflineConfig(), distil_epochs=30, batch_size=8, learning_rate=1e-2, word_dropout=0.0)


@pytest.fixture
def student(opened):
    return toy_policy(opened)[0]


@pytest.fixture
def teacher(student):
    return shaken(copy.deepcopy(student), scale=0.1)


@pytest.fixture
def prompts(vocabulary):
    words = (("oven",), ("moon", "star"), ("boat",), ("soil", "seed", "water"), ("train",))
    return [prompt_of(vocabulary, *terms) for terms in words]


def test_a_student_learns_the_first_step_of_its_teacher(student, teacher, prompts):
    before, passes, scores = mean_divergence(student, teacher, prompts, 8), [], iter(range(100))
    best, validation_scores = distil(
        student, teacher, prompts, CONFIG, lambda _: float(next(scores)), lambda *report: passes.append(report)
    )
    assert (best, validation_scores) == (30, tuple(float(number) for number in range(31)))
    assert mean_divergence(student, teacher, prompts, 8) < 0.2 * before
    assert [(done, total) for done, total, _ in passes] == [(number, 30) for number in range(1, 31)]
    assert passes[-1][2] < 0.2 * passes[0][2]


def test_the_weights_of_the_best_pass_are_left_and_not_those_of_the_last(student, teacher, prompts):
    """The divergence reported used to be that of the last pass, whichever weights were kept."""
    before, weights = mean_divergence(student, teacher, prompts, 8), copy.deepcopy(student.state_dict())
    scores = iter([1.0, 0.5, 0.9])
    config = changed(OfflineConfig(), distil_epochs=2, batch_size=8, learning_rate=1e-2, word_dropout=0.0)
    assert distil(student, teacher, prompts, config, lambda _: next(scores)) == (0, (1.0, 0.5, 0.9))
    assert all(torch.equal(weights[name], weight) for name, weight in student.state_dict().items())
    assert mean_divergence(student, teacher, prompts, 8) == before


def test_the_mean_divergence_weighs_every_prompt_alike_however_they_are_batched(student, teacher, prompts):
    one_by_one = [float(divergence(student, teacher, student.batch([prompt])).detach()) for prompt in prompts]
    for size in (1, 2, 8):
        mean = mean_divergence(student, teacher, prompts, size)
        assert mean == pytest.approx(sum(one_by_one) / len(prompts), rel=1e-4)
    assert mean_divergence(teacher, teacher, prompts, 2) == pytest.approx(0, abs=1e-6)
    assert mean_divergence(student, teacher, [], 2) == 0.0
