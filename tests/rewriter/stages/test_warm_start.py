"""Supervised training on hindsight pairs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from untilclick.rewriter.data.hindsight import TargetMaker, TargetSettings
from untilclick.rewriter.data.logged_queries import JudgedQuery, clicked_queries
from untilclick.rewriter.data.pseudo_queries import term_weights
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.language.prompts import Prompt, drop_words
from untilclick.rewriter.language.vocabulary import EOS_ID
from untilclick.rewriter.policy.supervised_loss import SupervisedLoss, target_batch
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.stages.warm_start import make_examples, train_warm_start

from tests.rewriter.toy_learning import TOY_WARM_START, toy_policy, toy_sessions, toy_topics


def teach(policy, batch, terms, documents):
    supervised = SupervisedLoss(t5=0.0, mixture=1.0, documents=TOY_WARM_START.document_weight)
    return supervised(policy, batch, target_batch(terms, documents))


@pytest.fixture(scope="module")
def maker(scorer, opened, vocabulary):
    return TargetMaker(scorer, term_weights(opened.index, vocabulary), TargetSettings(20, 10, 0.02))


@pytest.fixture(scope="module")
def examples(maker, opened, vocabulary):
    pairs = clicked_queries(toy_sessions(toy_topics(), each=3))
    return make_examples(pairs, maker, TermLanguage(vocabulary), opened.spelling, opened.spelling)


def loss_of(policy, examples, vocabulary) -> float:
    goal = target_batch([example.target for example in examples], [example.documents for example in examples])
    with torch.no_grad():
        batch = collate([example.prompt for example in examples], len(vocabulary))
        return float(SupervisedLoss(t5=0.0, mixture=1.0)(policy, batch, goal))


def test_pairs_that_no_term_helps_and_prompts_without_meaning_are_left_out(maker, vocabulary, opened):
    pairs = [
        JudgedQuery(RewriteRequest("dough flour"), {"kitchen-0": 1}),
        JudgedQuery(RewriteRequest("dough flour", ("oven",)), {"gone": 1}),
        JudgedQuery(RewriteRequest("qqqqqqqqqqqq"), {"kitchen-0": 1}),
    ]
    examples = make_examples(pairs, maker, TermLanguage(vocabulary), opened.spelling, opened.spelling)
    assert len(examples) == 1
    assert examples[0].prompt.ids == (*vocabulary.encode(["dough", "flour"]), EOS_ID)
    assert not set(examples[0].target.ids.tolist()) & set(examples[0].prompt.query_ids)


def test_training_lowers_the_loss(opened, vocabulary, examples):
    policy = toy_policy(opened)[0]
    before = loss_of(policy, examples, vocabulary)
    scores = iter(range(100))
    config = replace(TOY_WARM_START, epochs=40)
    best, validation = train_warm_start(policy, examples, config, lambda _: float(next(scores)), teach)
    assert loss_of(policy, examples, vocabulary) < before - 0.3
    assert best == 40
    assert validation == tuple(float(i) for i in range(41))
    assert not policy.training


def test_the_best_epochs_weights_are_left(opened, vocabulary, examples):
    scores, validated = iter([0.1, 0.2, 0.9, 0.3]), []

    def validation(policy) -> float:
        validated.append({name: tensor.clone() for name, tensor in policy.state_dict().items()})
        return next(scores)

    policy = toy_policy(opened)[0]
    best, _ = train_warm_start(policy, examples, TOY_WARM_START, validation, teach)
    assert best == 2
    assert all(torch.equal(validated[2][name], tensor) for name, tensor in policy.state_dict().items())
    assert not torch.equal(validated[2]["t5.shared.weight"], validated[3]["t5.shared.weight"])


def test_a_start_that_no_epoch_improves_on_is_left_as_it_was(opened, examples):
    policy = toy_policy(opened)[0]
    before = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
    best, scores = train_warm_start(policy, examples, TOY_WARM_START, lambda _: 0.5, teach)
    assert best == 0
    assert len(scores) == 4
    assert all(torch.equal(before[name], tensor) for name, tensor in policy.state_dict().items())


def test_patience_ends_the_training(opened, examples):
    scores = iter([0.5, 0.6, 0.1, 0.1, 0.1, 0.1])
    config = replace(TOY_WARM_START, epochs=5, patience=2)
    best, validation = train_warm_start(toy_policy(opened)[0], examples, config, lambda _: next(scores), teach)
    assert best == 1
    assert len(validation) == 4


def test_same_seed_same_weights(opened, examples):
    first, second = toy_policy(opened)[0], toy_policy(opened)[0]
    for policy in (first, second):
        scores = iter(range(9))
        train_warm_start(
            policy, examples, replace(TOY_WARM_START, epochs=1), lambda _, s=scores: float(next(s)), teach
        )
    assert all(torch.equal(tensor, second.state_dict()[name]) for name, tensor in first.state_dict().items())


def test_progress_counts_steps(opened, examples):
    seen, scores = [], iter(range(9))
    config = replace(TOY_WARM_START, epochs=2)
    train_warm_start(
        toy_policy(opened)[0],
        examples,
        config,
        lambda _: float(next(scores)),
        teach,
        lambda *step: seen.append(step[:2]),
    )
    total = 2 * -(-len(examples) // config.batch_size)
    assert seen == [(i, total) for i in range(1, total + 1)]


def test_words_are_dropped_but_never_all_and_never_the_end():
    prompt = Prompt((7, 8, 9, EOS_ID), (7, 8, 9))
    rng = np.random.default_rng(0)
    for share in (0.0, 0.5, 1.0):
        for _ in range(50):
            dropped = drop_words(prompt, share, rng)
            assert dropped.ids[-1] == EOS_ID
            assert 1 < len(dropped.ids) <= 4
            assert [i for i in (7, 8, 9) if i in dropped.ids] == list(dropped.ids[:-1])
            assert dropped.query_ids == prompt.query_ids
    assert drop_words(prompt, 0.0, rng) == prompt
