"""Drawing token by token: the sampler is the policy of the loss, and ends once."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from untilclick.rewriter.data.environment import RewardBatch
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.policy.sampling import sample, score
from untilclick.rewriter.policy.sequences import decoder_inputs, member_positions
from untilclick.rewriter.policy.token_sampling import draw
from untilclick.rewriter.training.ppo.trainer import PPOTrainer

from tests.rewriter.toy_learning import TOY_PPO, scaled
from tests.rewriter.toy_subword import SHAPE, favour_the_end, toy_subword

TEXTS = ["oven dough", "soil", "planet moon telescope eclipse"]
LENGTH = 6
LEARNING = changed(
    TOY_PPO,
    iterations=50,
    terms=4,
    samples_per_prompt=8,
    kl_placement="reward",
    kl_coef=0.0,
    learning_rate=4e-3,
    word_dropout=0.0,
)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def policy():
    return toy_subword()[0]


@pytest.fixture
def batch(policy):
    vocabulary = toy_subword()[1]
    return policy.batch([vocabulary.prompt(text, 24) for text in TEXTS])


@pytest.mark.parametrize("tied", [True, False])
def test_scores_are_the_library_s_own_log_probs_of_the_same_tokens(batch, tied):
    """A T5 with a separate output layer does not scale its states; scaling them would flatten its distribution."""
    policy, _ = toy_subword()
    if not tied:
        policy.t5.config.scale_decoder_outputs = False
        policy.t5.lm_head.weight = torch.nn.Parameter(torch.randn(policy.t5.lm_head.weight.shape) * 0.5)
    policy.banned_ids = policy.banned_ids[:0]
    rollouts = sample(policy, batch, 2, LENGTH, generator())
    labels = torch.where(rollouts.mask, rollouts.ids, PAD_ID)
    with torch.no_grad():
        logits = policy.t5(
            input_ids=batch.input_ids.repeat_interleave(2, 0),
            attention_mask=batch.attention_mask.repeat_interleave(2, 0),
            decoder_input_ids=decoder_inputs(labels),
        ).logits
        library_log_probs = torch.log_softmax(logits, dim=-1).gather(2, labels[..., None])[..., 0] * rollouts.mask
        for distributions in (True, False):
            log_probs = score(policy, batch, rollouts, distributions=distributions).log_probs
            assert torch.allclose(log_probs, library_log_probs, atol=1e-4)
    assert torch.allclose(rollouts.log_probs, library_log_probs, atol=1e-4)


def test_decoder_inputs_and_members_by_hand():
    assert decoder_inputs(torch.tensor([[7, 8, 9]])).tolist() == [[PAD_ID, 7, 8]]
    assert member_positions(torch.tensor([2, 0]), 3).tolist() == [6, 7, 8, 0, 1, 2]


@pytest.mark.parametrize("distributions", [True, False])
def test_drawn_ids_score_the_same_log_probs_under_unchanged_weights(policy, batch, distributions):
    favour_the_end(policy, batch)
    torch.nn.init.normal_(policy.value_head.weight, generator=generator())
    rollouts = sample(policy, batch, 40, LENGTH, generator())
    scores = score(policy, batch, rollouts, distributions=distributions)
    assert torch.allclose(scores.log_probs, rollouts.log_probs, atol=1e-5)
    assert torch.allclose(scores.values, rollouts.values, atol=1e-5)
    assert scores.log_probs.requires_grad
    assert (rollouts.log_probs[~rollouts.mask] == 0).all()
    assert (scores.distributions is not None) == distributions


def test_both_ways_of_scoring_give_the_same_gradients(policy, batch):
    rollouts = sample(favour_the_end(policy, batch), batch, 5, LENGTH, generator())
    gradients = []
    for distributions in (True, False):
        policy.zero_grad()
        score(policy, batch, rollouts, distributions=distributions).log_probs.sum().backward()
        gradients.append({name: weight.grad.clone() for name, weight in policy.t5.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-4), name


def test_banned_tokens_have_no_probability_and_all_others_sum_to_1(policy, batch):
    rollouts = sample(policy, batch, 300, LENGTH, generator())
    banned = policy.banned_ids.tolist()
    assert not np.isin(rollouts.ids[rollouts.mask].numpy(), banned).any()
    every = score(policy, batch, rollouts).next_token().detach().exp()
    assert float(every[:, banned].sum()) == 0.0
    assert torch.allclose(every.sum(1), torch.ones(every.shape[0]), atol=1e-5)


def test_an_ended_sequence_has_one_end_token_and_nothing_after_it(policy, batch):
    rollouts = sample(favour_the_end(policy, batch), batch, 60, LENGTH, generator())
    lengths = set()
    for ids, mask in zip(rollouts.ids.tolist(), rollouts.mask.tolist(), strict=True):
        length = ids.index(EOS_ID) + 1 if EOS_ID in ids else LENGTH
        lengths.add(length)
        assert mask == [True] * length + [False] * (LENGTH - length)
        assert ids[length:] == [PAD_ID] * (LENGTH - length)
    assert {1, 2, LENGTH} <= lengths


def test_tokens_have_the_frequencies_that_the_policy_states(policy, batch):
    scaled(policy, 3.0)
    rollouts = sample(policy, batch.rows(torch.tensor([1])), 5000, 2, generator())
    stated = rollouts.log_probs[:, 0].exp()
    for token in rollouts.ids[:, 0].unique():
        drawn = rollouts.ids[:, 0] == token
        prob = float(stated[drawn][0])
        assert abs(float(drawn.float().mean()) - prob) < 5 * math.sqrt(prob * (1 - prob) / 5000) + 1e-3


def test_greedy_tokens_are_those_of_the_library(policy, batch):
    favour_the_end(policy, batch)
    greedy = sample(policy, batch, 1, LENGTH, None)
    generated = policy.t5.generate(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        max_new_tokens=LENGTH,
        do_sample=False,
        suppress_tokens=policy.banned_ids.tolist(),
    )[:, 1:]
    assert greedy.ids[:, : generated.shape[1]].tolist() == generated.tolist()
    assert not greedy.mask[:, generated.shape[1] :].any()


def test_same_seed_same_draws(policy, batch):
    first, second = (sample(policy, batch, 4, LENGTH, generator(5)) for _ in range(2))
    assert torch.equal(first.ids, second.ids)
    assert not torch.equal(first.ids, sample(policy, batch, 4, LENGTH, generator(6)).ids)


def test_a_token_is_drawn_where_the_cumulative_probability_passes_a_uniform_number():
    probs = torch.tensor([[0.0, 0.25, 0.0, 0.75, 0.0]])
    for seed in range(200):
        uniform = float(torch.rand((1, 1), generator=generator(seed)))
        assert int(draw(probs, generator(seed))) == (1 if uniform < 0.25 else 3)
    assert int(draw(probs, None)) == 3


class LetterShare:
    """Pays for the share of tokens from the first half of the vocabulary."""

    def __len__(self) -> int:
        return len(TEXTS)

    def rewards(self, rows, ids, mask, rng) -> RewardBatch:
        low = (ids < SHAPE.rows // 4) & mask
        gain = low.sum(1) / np.maximum(mask.sum(1), 1)
        return RewardBatch(gain, gain, np.zeros_like(gain))


@pytest.mark.parametrize("placement", ["reward", "loss"])
def test_ppo_learns_token_by_token(placement):
    policy, vocabulary = toy_subword()
    prompts = [vocabulary.prompt(text, 24) for text in TEXTS]
    trainer = PPOTrainer(
        policy, prompts, LetterShare(), changed(LEARNING, kl_placement=placement), lambda policy: 0.0
    )
    rounds = [trainer.run_round() for _ in range(LEARNING.iterations)]
    assert rounds[0]["kl"] == pytest.approx(0.0, abs=1e-5)
    assert rounds[0]["reward_mean"] < 0.5
    assert rounds[-1]["reward_mean"] > 0.9
    assert rounds[-1]["kl"] > 0.1
    assert rounds[-1]["entropy"] < rounds[0]["entropy"]
