"""Soft cross-entropy, padding of targets, the learning-rate schedule and the clipped step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.policy.supervised_loss import SupervisedLoss, pad_targets, target_batch
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.training.optimisation import LinearWarmupDecay, descend

from tests.rewriter.toy_learning import prompt_of, shaken, toy_policy

NO_DOCUMENT = SoftTarget(np.array([], dtype=np.int64), np.array([], dtype=np.float32))


def target(ids: list[int], weights: list[float]) -> SoftTarget:
    return SoftTarget(np.array(ids, dtype=np.int64), np.array(weights, dtype=np.float32))


def test_shorter_targets_are_padded_with_weight_0():
    ids, weights = pad_targets([target([9], [1.0]), target([7, 8], [0.25, 0.75]), target([], [])])
    assert ids.tolist() == [[9, 0], [7, 8], [0, 0]]
    assert weights.tolist() == [[1.0, 0.0], [0.25, 0.75], [0.0, 0.0]]


def test_the_loss_is_the_mean_weighted_negative_log_probability_over_the_whole_vocabulary(opened):
    policy, vocabulary = toy_policy(opened)
    shaken(policy)
    batch = collate([prompt_of(vocabulary, "oven"), prompt_of(vocabulary, "moon", "star")], len(vocabulary))
    goal = target_batch([target([9], [1.0]), target([7, 8], [0.25, 0.75])], [NO_DOCUMENT] * 2)
    whole = policy.t5(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        decoder_input_ids=torch.zeros(2, 1, dtype=torch.long),
    ).logits[:, 0]
    log_probs = torch.log_softmax(whole, dim=-1)
    expected = -(log_probs[0, 9] + 0.25 * log_probs[1, 7] + 0.75 * log_probs[1, 8]) / 2
    loss = SupervisedLoss()(policy, batch, goal)
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), abs=1e-5)


def test_an_offset_is_added_to_the_logits(opened):
    policy, vocabulary = toy_policy(opened)
    batch = collate([prompt_of(vocabulary, "oven")], len(vocabulary))
    offset = torch.linspace(-2.0, 2.0, len(vocabulary))
    logits = policy.logits(policy.first_states(batch), torch.zeros(1, dtype=torch.bool))
    expected = -torch.log_softmax(logits + offset, dim=-1)[0, 9]
    loss = SupervisedLoss(offset=offset)(policy, batch, target_batch([target([9], [1.0])], [NO_DOCUMENT]))
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), abs=1e-5)


def test_the_learning_rate_rises_then_falls_to_its_floor():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = LinearWarmupDecay(optimizer, warmup=4, total=20, floor=0.2)
    rates = []
    for _ in range(25):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates[0] == pytest.approx(0.25)
    assert rates[4] == pytest.approx(1 - 0.8 * 4 / 20)
    assert rates[20:] == pytest.approx([0.2] * 5)
    assert all(later <= earlier for earlier, later in pairwise(rates[4:]))


def test_a_step_is_clipped():
    model = torch.nn.Linear(1, 1, bias=False)
    before = float(model.weight.detach())
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    loss = (model.weight * 1000.0).sum()
    value = descend(loss, model, optimizer, max_grad_norm=0.5)
    assert value == pytest.approx(before * 1000, rel=1e-5)
    assert before - float(model.weight.detach()) == pytest.approx(0.5, rel=1e-4)
