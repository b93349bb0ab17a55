"""The base: from documents alone."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.policy.models import TermModel
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.stages.base import new_model, prior_offset, train_base
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import corpus_of
from untilclick.search.records import Document
from untilclick.search.text.term_index import TermIndex

from tests.rewriter.toy_learning import THEMES, TOY_BASE, TOY_POLICY, prompt_of, toy_policy

term_of = english().term_of


def train(opened, config=TOY_BASE, progress=None):
    policy, vocabulary = toy_policy(opened)
    corpus, index = opened.collection.corpus, opened.index
    return policy, train_base(TermModel(policy, TermLanguage(vocabulary)), corpus, index, config, progress)


def test_training_lowers_the_loss_and_calls_progress(opened):
    seen = []
    config = replace(TOY_BASE, steps=75, prior_weight=0.0, document_weight=0.0)
    policy, loss = train(opened, config, progress=lambda done, total, value: seen.append((done, total, value)))
    assert [done for done, _, _ in seen] == list(range(1, 76))
    assert {total for _, total, _ in seen} == {75}
    assert loss < seen[0][2] - 0.5
    assert not policy.training


@pytest.mark.slow
def test_a_trained_base_answers_with_words_of_the_theme(opened, vocabulary):
    policy, _ = train(opened, replace(TOY_BASE, steps=120))
    words = [theme.split() for theme in THEMES.values()]
    best = policy.first_step_log_probs(
        collate([prompt_of(vocabulary, vocabulary_term(vocabulary, theme[0])) for theme in words], len(vocabulary))
    ).topk(5, dim=-1)
    shares = [
        sum(vocabulary.surface(int(token)) in theme for token in row) / 5
        for row, theme in zip(best.indices, words, strict=True)
    ]
    assert sum(shares) / len(shares) > 0.75


def vocabulary_term(vocabulary, word: str) -> str:

    term = term_of(word)
    assert term in vocabulary.token_ids
    return term


def test_same_seed_same_weights(opened):
    config = replace(TOY_BASE, steps=5)
    first, second = (train(opened, config)[0].state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_corpus_without_usable_documents_leaves_the_policy_as_it_started():
    corpus = corpus_of("short", [Document(str(i), "", "alpha beta") for i in range(4)])
    index = TermIndex.build(corpus)
    model = new_model(index, TOY_POLICY)
    before = {name: tensor.clone() for name, tensor in model.policy.state_dict().items()}
    assert math.isnan(train_base(model, corpus, index, TOY_BASE))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.policy.state_dict().items())


def test_terms_of_few_documents_are_left_out_where_that_is_asked_for(opened):
    complete = new_model(opened.index, TOY_POLICY).language.vocabulary
    assert complete.terms == opened.index.terms
    least = min(complete.document_frequencies) + 1
    config = replace(TOY_POLICY, min_document_frequency=least)
    assert min(new_model(opened.index, config).language.vocabulary.document_frequencies) >= least


def test_the_adjustment_by_the_prior_follows_the_log_of_the_shares_and_stays_finite():
    offset = prior_offset(np.array([0.0, 0.2, 0.8, 0.0]), 0.5)
    assert torch.isfinite(offset).all()
    assert float(offset[2] - offset[1]) == pytest.approx(0.5 * math.log(4.0), abs=0.01)
    assert not prior_offset(np.array([0.0, 1.0]), 0.0).any()
