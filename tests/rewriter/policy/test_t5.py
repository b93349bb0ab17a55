"""The T5 over terms: what it copies before any training, and that its logits are those of the library."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from untilclick.rewriter.config import PolicyConfig
from untilclick.rewriter.language.latent_semantics import term_vectors
from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID, SPECIAL_TOKENS
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.stages.base import new_model

from tests.rewriter.toy_learning import THEMES, TOY_POLICY, prompt_of, shaken, toy_policy

QUERIES = [("oven",), ("soil", "seed"), ("planet", "moon", "star"), ("train",), ("boat", "sail")]


WIDE = PolicyConfig(d_model=192, d_kv=32, d_ff=384, encoder_layers=2, identity_scale=0.1, seed=0)
"""Wide enough that the end token's random vector is about orthogonal to the terms'."""


@pytest.fixture(scope="module")
def wide_policy(opened):
    return new_model(opened.index, WIDE).policy.eval()


@pytest.fixture
def policy(opened):
    return toy_policy(opened)[0]


def batch_of(vocabulary, *queries):
    return collate([prompt_of(vocabulary, *terms) for terms in queries], len(vocabulary))


def test_collate_pads_and_bans_specials_and_the_querys_own_terms(vocabulary):
    batch = batch_of(vocabulary, ("oven",), ("soil", "seed"))
    oven, soil, seed = vocabulary.encode(["oven", "soil", "seed"])
    assert batch.input_ids.tolist() == [[oven, EOS_ID, PAD_ID], [soil, seed, EOS_ID]]
    assert batch.attention_mask.tolist() == [[1, 1, 0], [1, 1, 1]]
    specials = list(range(len(SPECIAL_TOKENS)))
    assert batch.banned[0].nonzero()[:, 0].tolist() == sorted([*specials, oven])
    assert batch.banned[1].nonzero()[:, 0].tolist() == sorted([*specials, soil, seed])


def test_the_untrained_policy_ranks_the_querys_own_terms_high(wide_policy, vocabulary):
    """Copying is about an identity map before any training."""
    policy = wide_policy
    for query in QUERIES:
        logits = policy.logits(policy.first_states(batch_of(vocabulary, query)), torch.zeros(1, dtype=torch.bool))[0]
        logits[: len(SPECIAL_TOKENS)] = MASKED_LOGIT
        assert set(logits.topk(8).indices.tolist()) >= set(vocabulary.encode(list(query)))


def test_the_untrained_policy_ranks_the_querys_nearest_terms_first(wide_policy, vocabulary, opened):
    """Its best terms beyond the query are mostly those with the highest cosine to the query's vectors."""
    policy = wide_policy
    vectors = term_vectors(opened.index, vocabulary, WIDE.d_model, np.random.default_rng(WIDE.seed))
    for query in QUERIES:
        batch = batch_of(vocabulary, query)
        best = policy.first_step_log_probs(batch)[0].topk(8).indices.tolist()
        cosines = vectors[vocabulary.encode(list(query))].mean(0) @ vectors.T
        cosines[batch.banned[0].numpy()] = -np.inf
        assert len(set(best) & set(np.argsort(-cosines)[:8].tolist())) >= 5
        theme = next(words.split() for words in THEMES.values() if query[0] in words.split())
        assert sum(vocabulary.surface(token) in theme for token in best) >= 5


@pytest.mark.parametrize("start", ["identity", "shaken"])
def test_logits_equal_those_of_the_librarys_own_forward(policy, vocabulary, start):
    """Both include the factor d_model**-0.5 before the output embedding."""
    if start == "shaken":
        shaken(policy)
    batch = batch_of(vocabulary, *QUERIES)
    decoder_ids = torch.tensor([[PAD_ID, 9, 12]] * len(QUERIES))
    library_logits = policy.t5(
        input_ids=batch.input_ids, attention_mask=batch.attention_mask, decoder_input_ids=decoder_ids
    ).logits
    states = policy.decode(policy.encode(batch), batch.attention_mask, decoder_ids)
    logits = policy.logits(states, torch.zeros(1, dtype=torch.bool))
    assert torch.allclose(logits, library_logits, atol=1e-6)
    first = policy.logits(policy.first_states(batch), torch.zeros(1, dtype=torch.bool))
    assert torch.allclose(first, library_logits[:, 0], atol=1e-5)


def test_banned_tokens_have_probability_exactly_0(policy, vocabulary):
    batch = batch_of(vocabulary, *QUERIES)
    log_probs = policy.first_step_log_probs(batch)
    assert log_probs.exp()[batch.banned].sum() == 0
    assert torch.allclose(log_probs.exp().sum(1), torch.ones(len(QUERIES)), atol=1e-5)
    assert log_probs.isfinite().all()


def test_padding_does_not_change_a_prompts_probabilities(policy, vocabulary):
    shaken(policy)
    alone = policy.first_step_log_probs(batch_of(vocabulary, QUERIES[0]))
    padded = policy.first_step_log_probs(batch_of(vocabulary, QUERIES[0], QUERIES[2]))[:1]
    assert torch.allclose(alone, padded, atol=1e-5)


def test_value_errors_do_not_move_the_policy(policy, vocabulary):
    shaken(policy)
    policy.values(policy.first_states(batch_of(vocabulary, *QUERIES))).sum().backward()
    assert all(weight.grad is None for weight in policy.t5.parameters())
    assert policy.value_head.weight.grad.abs().sum() > 0


def test_values_start_at_0(policy, vocabulary):
    assert policy.values(policy.first_states(batch_of(vocabulary, *QUERIES))).abs().max() == 0


def test_same_seed_same_weights_and_the_global_generator_is_left_alone(opened):
    torch.manual_seed(123)
    expected = torch.rand(1)
    torch.manual_seed(123)
    first, second = (new_model(opened.index, TOY_POLICY).policy.state_dict() for _ in range(2))
    assert torch.rand(1) == expected
    assert all(torch.equal(first[name], second[name]) for name in first)
