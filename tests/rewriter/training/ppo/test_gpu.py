"""Training on an accelerator: the same draws and nearly the same numbers as on the CPU."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from untilclick.rewriter.data.environment import RewardBatch
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.training.ppo.trainer import PPOTrainer

from tests.rewriter.toy_learning import TOY_PPO, prompt_of, toy_policy
from tests.rewriter.toy_subword import toy_subword

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no accelerator on this machine"),
]
WORDS = ["oven", "soil", "boat", "violin", "planet", "train"]
SETTINGS = changed(TOY_PPO, minibatches=2, prompts_per_iteration=6)


class EvenTokens:
    """Pays for the share of tokens with an even id."""

    def __len__(self) -> int:
        return len(WORDS)

    def rewards(self, rows, ids, mask, rng) -> RewardBatch:
        gain = ((ids % 2 == 0) & mask).sum(1) / np.maximum(mask.sum(1), 1)
        return RewardBatch(gain, gain, np.zeros_like(gain))


def policy_and_prompts(opened, decoding: str) -> tuple[T5Policy, list[Prompt]]:
    if decoding == "tokens":
        policy, subwords = toy_subword()
        return policy, [subwords.prompt(word, 24) for word in WORDS]
    policy, vocabulary = toy_policy(opened, decoding)
    return policy, [prompt_of(vocabulary, word) for word in WORDS]


@pytest.mark.parametrize("placement", ["loss", "reward"])
@pytest.mark.parametrize("decoding", ["parallel", "autoregressive", "tokens"])
def test_a_round_on_the_accelerator_is_that_of_the_cpu(opened, decoding, placement):
    policy, prompts = policy_and_prompts(opened, decoding)
    metrics_by_device = []
    for device in ("cpu", "cuda"):
        on_device = copy.deepcopy(policy).to(device)
        config = changed(SETTINGS, kl_placement=placement)
        trainer = PPOTrainer(on_device, prompts, EvenTokens(), config, lambda _: 0.0)
        metrics = [trainer.run_round() for _ in range(2)]
        assert all(weight.device.type == device for weight in on_device.parameters())
        metrics_by_device.append(metrics)
    for name, value in metrics_by_device[0][0].items():
        if not name.endswith("_seconds") and not math.isnan(value):
            assert metrics_by_device[1][0][name] == pytest.approx(value, rel=1e-2, abs=1e-4), name
    assert all(math.isfinite(row["policy_loss"]) for row in metrics_by_device[1])
