"""The torch policy behind the rewriter."""

from __future__ import annotations

import numpy as np
import torch

from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.policy.logits import BATCH, PolicyLogits
from untilclick.rewriter.policy.models import TermModel, model_rewriter
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.blend import BlendSettings

from tests.rewriter.toy_learning import prompt_of, shaken, toy_policy


def test_logits_are_the_log_probabilities_of_the_first_step(opened):
    policy, vocabulary = toy_policy(opened)
    shaken(policy).train()
    prompts = [prompt_of(vocabulary, "oven"), prompt_of(vocabulary, "moon", "star")]
    log_probs = PolicyLogits(policy)(prompts)
    assert not policy.training  # no dropout
    batch = collate(prompts, len(vocabulary))
    with torch.no_grad():
        wanted = policy.first_step_log_probs(batch)
    assert log_probs.dtype == np.float32
    assert np.allclose(log_probs, wanted.numpy(), atol=1e-5)


def test_more_prompts_than_a_batch_come_back_in_order(opened):
    policy, vocabulary = toy_policy(opened)
    prompts = [prompt_of(vocabulary, vocabulary.terms[i % 50]) for i in range(BATCH + 10)]
    logits = PolicyLogits(policy)
    log_probs = logits(prompts)
    assert log_probs.shape == (BATCH + 10, len(vocabulary))
    assert np.allclose(log_probs[-1], logits(prompts[-1:])[0], atol=1e-5)


def test_a_policy_rewrites_within_the_theme(opened, engine):
    policy, vocabulary = toy_policy(opened)
    model, blend = TermModel(policy, TermLanguage(vocabulary)), BlendSettings(expansion_terms=5)
    rewriter = model_rewriter(model, opened.spelling, engine, blend)
    (rewrite,) = rewriter.rewrite([RewriteRequest("planet moon star")])
    assert rewriter.version == "unexported"
    assert rewrite.applied
    assert len(rewrite.terms) == 5
