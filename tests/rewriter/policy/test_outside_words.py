"""Words that no document holds: the policy reads them, and neither it nor its bundle generates them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.prompts import render
from untilclick.rewriter.policy.conversion import convert
from untilclick.rewriter.policy.logits import PolicyLogits
from untilclick.rewriter.policy.t5 import read_outside
from untilclick.rewriter.policy.t5_folder import load_policy, save_policy, save_with_states
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.serving.runtime import CTranslate2Logits
from untilclick.rewriter.stages.reader import memory_reader

from tests.rewriter.toy_learning import shaken, toy_policy

OUTSIDE = ("hoover", "zorgel")


@pytest.fixture
def policy_and_vocabulary(opened):
    policy, vocabulary = toy_policy(opened, "parallel")
    return shaken(policy).eval(), vocabulary


def _logits(policy, vocabulary, *queries):
    return PolicyLogits(policy)([render(RewriteRequest(query), vocabulary) for query in queries])


def test_outside_words_change_no_prompt_without_them(policy_and_vocabulary):
    policy, vocabulary = policy_and_vocabulary
    before = _logits(policy, vocabulary, "oven dough", "soil")
    state = torch.random.get_rng_state()
    read_outside(policy, torch.ones(2, policy.t5.config.d_model))
    assert torch.equal(torch.random.get_rng_state(), state)
    after = _logits(policy, vocabulary.with_outside(OUTSIDE), "oven dough", "soil")
    assert after.shape == before.shape == (2, len(vocabulary))
    assert np.allclose(after, before, atol=1e-5)


def test_the_policy_reads_outside_words(policy_and_vocabulary):
    policy, vocabulary = policy_and_vocabulary
    soil = policy.t5.shared.weight[vocabulary.token_ids["soil"]].detach()
    read_outside(policy, torch.stack([soil, -soil]))
    grown = vocabulary.with_outside(OUTSIDE)
    queries = [render(RewriteRequest(query), grown) for query in ("soil", "hoover", "zorgel")]
    with torch.no_grad():
        of_soil, likened, opposed = policy.first_states(policy.batch(queries))  # (d,) each
    assert torch.allclose(of_soil, likened, atol=1e-5)
    assert not torch.allclose(of_soil, opposed, atol=0.1)


def test_outside_words_learn(policy_and_vocabulary):
    policy, vocabulary = policy_and_vocabulary
    read_outside(policy, torch.zeros(1, policy.t5.config.d_model))
    prompt = render(RewriteRequest("hoover soil"), vocabulary.with_outside(OUTSIDE))
    policy.first_step_log_probs(policy.batch([prompt]))[0, vocabulary.token_ids["oven"]].backward()
    assert policy.t5.shared.weight.grad[-1].abs().sum() > 0


def test_a_saved_policy_has_its_outside_words(policy_and_vocabulary, tmp_path):
    policy, vocabulary = policy_and_vocabulary
    read_outside(policy, torch.randn(2, policy.t5.config.d_model))
    grown = vocabulary.with_outside(OUTSIDE)
    save_policy(policy, grown, tmp_path)
    loaded, terms = load_policy(tmp_path)
    assert terms.outside == OUTSIDE
    assert loaded.n_outside == 2
    wanted = _logits(policy, grown, "hoover oven")
    assert np.allclose(_logits(loaded, terms, "hoover oven"), wanted, atol=1e-5)


@pytest.mark.parametrize("quantization", [None, "int8"])
def test_an_exported_model_reads_outside_words_and_has_no_logit_of_them(
    policy_and_vocabulary, tmp_path, quantization
):
    """At int8, the rows that input and output share were scaled twice, and outside words were read as noise."""
    policy, vocabulary = policy_and_vocabulary
    read_outside(policy, torch.randn(2, policy.t5.config.d_model) * 3)
    grown = vocabulary.with_outside(OUTSIDE)
    queries = ["hoover oven", "zorgel", "soil", "hoover zorgel dough"]
    wanted = _logits(policy, grown, *queries)
    memory, width = memory_reader(policy.memory), policy.t5.config.d_model
    n_outputs = save_with_states(policy, grown, tmp_path)
    assert n_outputs == len(vocabulary) + width
    convert(tmp_path, n_outputs, tmp_path / "model", quantization)
    source, target = (
        json.loads((tmp_path / "model" / f"{side}_vocabulary.json").read_text()) for side in ("source", "target")
    )
    assert (len(source), len(target)) == (n_outputs + 2, n_outputs)
    served = CTranslate2Logits(tmp_path / "model", grown, memory)
    prompts = [render(RewriteRequest(query), grown) for query in queries]
    for row, of_policy in zip(served(prompts), wanted, strict=True):
        terms = of_policy > MASKED_LOGIT / 2
        assert np.corrcoef(row[terms], of_policy[terms])[0, 1] > (0.99 if quantization else 0.999999)
