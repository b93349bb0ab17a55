"""Beam search against all texts there are; that CTranslate2 finds the same is in test_subword_stages.py."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from untilclick.rewriter.language.vocabulary import EOS_ID, PAD_ID
from untilclick.rewriter.policy.beam_search import search_beams
from untilclick.rewriter.policy.sampling import score
from untilclick.rewriter.policy.sequences import Rollouts

from tests.rewriter.toy_subword import favour_the_end, toy_subword

ALLOWED = (EOS_ID, 10, 11, 12)
LENGTH = 3


@pytest.fixture(scope="module")
def policy():
    """A policy that can generate four tokens only, with its vocabulary."""
    policy, vocabulary = toy_subword()
    favour_the_end(policy, policy.batch([vocabulary.prompt("oven dough", 24)]))
    policy.banned_ids = torch.tensor([token for token in range(policy.vocabulary_size) if token not in ALLOWED])
    return policy, vocabulary


def all_texts() -> list[tuple[int, ...]]:
    ended = [(*body, EOS_ID) for n in range(LENGTH) for body in itertools.product(ALLOWED[1:], repeat=n)]
    return ended + list(itertools.product(ALLOWED[1:], repeat=LENGTH))


@pytest.mark.parametrize("text", ["oven dough", "moon"])
def test_with_a_beam_for_every_text_all_of_them_are_found_with_their_probabilities(policy, text):
    policy, vocabulary = policy
    batch = policy.batch([vocabulary.prompt(text, 24)])
    texts = all_texts()
    searched = {text.ids: text.log_prob for text in search_beams(policy, batch, len(texts), LENGTH)[0]}
    ids = torch.tensor([[*text, *[PAD_ID] * (LENGTH - len(text))] for text in texts])
    mask = torch.arange(LENGTH)[None] < torch.tensor([[len(text)] for text in texts])
    zeros = torch.zeros(ids.shape)
    with torch.no_grad():
        log_probs = score(policy, batch, Rollouts(ids, mask, zeros, zeros, ids[:, :0])).log_probs.sum(1)
    enumerated = dict(zip(texts, log_probs.tolist(), strict=True))
    assert searched == pytest.approx({text: enumerated[text] for text in searched}, abs=1e-4)
    best = sorted(enumerated, key=enumerated.__getitem__)[-8:]
    assert set(best) <= set(searched)
    assert sum(math.exp(log_prob) for log_prob in enumerated.values()) == pytest.approx(1.0, abs=1e-4)


def test_prompts_together_answer_as_each_alone(policy):
    policy, vocabulary = policy
    prompts = [vocabulary.prompt(text, 24) for text in ("oven dough", "moon", "boat anchor sail tide")]
    together = search_beams(policy, policy.batch(prompts), 4, 5)
    for prompt, answers in zip(prompts, together, strict=True):
        alone = search_beams(policy, policy.batch([prompt]), 4, 5)[0]
        assert [text.ids for text in answers] == [text.ids for text in alone]
        assert [text.log_prob for text in answers] == pytest.approx([text.log_prob for text in alone], abs=1e-4)
        assert [text.log_prob for text in answers] == sorted((text.log_prob for text in answers), reverse=True)
        assert all(len(text.ids) <= 5 for text in answers)
