"""Learning from logged actions by return-weighted cross-entropy."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch

from untilclick.rewriter.data.logged_actions import ActionSettings, logged_actions
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.language.prompts import render
from untilclick.rewriter.language.vocabulary import EOS_ID
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.sampling import score
from untilclick.rewriter.policy.t5 import collate
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.stages.input import Sources
from untilclick.rewriter.stages.offline import read_actions, start_folder
from untilclick.rewriter.stages.record import latest_stage, read_stage
from untilclick.rewriter.training.distillation import divergence
from untilclick.rewriter.training.reward_weighted import (
    WeightedAction,
    as_rollouts,
    train_reward_weighted,
    weigh,
    weighted_loss,
)
from untilclick.search.analysis.by_name import english
from untilclick.search.errors import DataError, ModelError

from tests.rewriter.toy_learning import (
    TOY_BASE,
    TOY_POLICY,
    TOY_WARM_START,
    VISITOR_SESSIONS,
    action_of,
    shaken,
    toy_policy,
    toy_topics,
)
from tests.rewriter.toy_stages import run_base, run_offline, run_warm_start

term_of = english().term_of

CONFIG = changed(
    OfflineConfig(), epochs=20, patience=100, batch_size=8, learning_rate=3e-3, kl_coef=0.01, word_dropout=0.0
)


@pytest.fixture(scope="module")
def trained(opened, tmp_path_factory):
    """A run folder with a base that has no memory, so that the T5 has to learn everything."""
    run = tmp_path_factory.mktemp("offline")
    run_base(opened, run, replace(TOY_POLICY, memory_documents=0), TOY_BASE)
    return run


@pytest.fixture
def run(trained, tmp_path):
    (tmp_path / "base").symlink_to(trained / "base")
    return tmp_path


def decisive_probability(policy, vocabulary, opened) -> float:
    """Mean probability of the decisive word after the first queries of `VISITOR_SESSIONS`."""
    probs = []
    for topic in toy_topics()[:18]:
        batch = collate([render(RewriteRequest(topic.query), vocabulary, opened.spelling)], policy.vocabulary_size)
        token = vocabulary.token_ids[term_of(topic.topic_id.split("-")[1])]
        probs.append(float(policy.first_step_log_probs(batch)[0, token].detach().exp()))
    return float(np.mean(probs))


def test_a_log_alone_raises_the_probability_of_the_decisive_terms(run, opened):
    policy, vocabulary = load_policy(run / "base")
    actions = logged_actions(VISITOR_SESSIONS, vocabulary, opened.spelling, ActionSettings())
    before, scores = decisive_probability(policy, vocabulary, opened), count()
    train_reward_weighted(policy, weigh(actions, CONFIG), CONFIG, lambda _: float(next(scores)))  # the last is best
    after = decisive_probability(policy, vocabulary, opened)
    assert after > 3 * before, (before, after)


def test_the_stage_says_what_it_is_made_of_and_comes_before_the_warm_start(run, opened):
    steps, choices = [], []

    def note(done, total, loss, part=""):
        (choices if part else steps).append((done, total))

    folder = run_offline(opened, run, VISITOR_SESSIONS, CONFIG, note)
    record = read_stage(folder)
    assert (folder, record.stage) == (run / "offline", "offline")
    assert record.config == json.loads(json.dumps(record.config))
    assert record.config["method"] == "rwft"
    assert record.figures["actions"] > 10
    assert record.figures["taken"] >= record.figures["actions"]
    assert 0 < record.figures["mean_return"] <= 1
    assert record.figures["validation_best"] >= record.figures["validation_start"]
    assert record.figures["validation_ndcg"] >= record.figures["validation_start"] - 1e-9
    assert steps[-1][0] == steps[-1][1] == len(steps)
    assert choices[-1][0] == choices[-1][1] == len(choices)  # of the blend, after the training
    assert latest_stage(run) == folder
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_it_starts_from_the_warm_start_where_there_is_one(run, opened):
    assert start_folder(run) == run / "base"
    run_warm_start(opened, run, VISITOR_SESSIONS, replace(TOY_WARM_START, epochs=1))
    start, _ = read_actions(Sources(opened, VISITOR_SESSIONS, SplitKey.of_seed(0)), run, CONFIG)
    assert start.start == run / "warm_start"


def test_the_same_seed_gives_the_same_weights(run, opened):
    first, second = (
        load_policy(run_offline(opened, run, VISITOR_SESSIONS, changed(CONFIG, epochs=1)))[0] for _ in range(2)
    )
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


@pytest.mark.parametrize("last_turn", [0, 1])
def test_a_log_without_a_click_after_a_rewritten_query_is_a_data_error(run, opened, last_turn):
    """The log has sessions of one query, or sessions whose first query was clicked for, only."""
    log = []
    for session in VISITOR_SESSIONS:
        first, second = session.turns
        turns = (replace(first, clicks=second.clicks), replace(second, clicks=()))
        log.append(replace(session, turns=turns[: last_turn + 1]))
    with pytest.raises(DataError, match="no click after a query was rewritten"):
        run_offline(opened, run, log, CONFIG)


def test_a_run_without_a_base_is_a_model_error(opened, tmp_path):
    with pytest.raises(ModelError, match="base"):
        run_offline(opened, tmp_path, VISITOR_SESSIONS, CONFIG)


def test_weights_are_returns_scaled_to_mean_1_and_what_earned_nothing_is_left_out(vocabulary):
    actions = [
        action_of(vocabulary, "oven", "dough", 0.5, 3),
        action_of(vocabulary, "moon", "star", 0.0, 1),
        action_of(vocabulary, "moon", "comet", 1.0, 1),
    ]
    assert [(weighted.action, weighted.weight) for weighted in weigh(actions, CONFIG)] == [
        (actions[0], pytest.approx(0.5 * 4 / 2.5)),
        (actions[2], pytest.approx(1.0 * 4 / 2.5)),
    ]
    assert weigh(actions[1:2], CONFIG) == []


def test_advantage_weights_tell_the_actions_of_a_prompt_apart_and_are_bounded(vocabulary):
    config = changed(CONFIG, weighting="advantage", temperature=0.5)
    actions = [action_of(vocabulary, "oven", "dough", 1.0), action_of(vocabulary, "oven", "flour", 0.0)]
    good, poor = (weighted.weight for weighted in weigh(actions, config))
    assert good / poor == pytest.approx(math.exp(1 / 0.5))
    assert (good + poor) / 2 == pytest.approx(1)
    good, poor = (weighted.weight for weighted in weigh(actions, changed(config, temperature=0.01, max_weight=2.0)))
    assert good / poor == pytest.approx(2 / math.exp(-0.5 / 0.01), rel=1e-6)


@pytest.mark.parametrize("decoding", ["parallel", "autoregressive"])
def test_logged_sequences_have_the_probability_that_decoding_gives_them(opened, decoding):
    """By hand: drawing without replacement from the first step, or term by term until the end token."""
    policy, vocabulary = toy_policy(opened, decoding)
    shaken(policy)
    actions = [action_of(vocabulary, "oven", "dough flour star"), action_of(vocabulary, "moon", "star")]
    batch = collate([action.prompt for action in actions], policy.vocabulary_size)
    rollouts = as_rollouts(policy, batch, actions, 3)
    log_probs = (score(policy, batch, rollouts).log_probs * rollouts.mask).sum(1).detach()
    assert torch.isfinite(log_probs).all()
    first = policy.first_step_log_probs(batch).detach()
    if decoding == "parallel":
        p = first[0, list(actions[0].terms)]
        left = 1 - torch.stack([p.exp()[:0].sum(), p.exp()[:1].sum(), p.exp()[:2].sum()])
        assert float(log_probs[0]) == pytest.approx(float((p - left.log()).sum()), abs=1e-4)
        assert float(log_probs[1]) == pytest.approx(float(first[1, actions[1].terms[0]]), abs=1e-4)
    else:
        assert rollouts.ids[1].tolist()[:2] == [actions[1].terms[0], EOS_ID]
        assert rollouts.mask.sum(1).tolist() == [3, 2]
        assert (rollouts.candidates[:, -1] == EOS_ID).all()
        for row, logged in enumerate(actions):
            assert set(logged.terms) <= set(rollouts.candidates[row, :-1].tolist())
            assert not batch.banned[row, rollouts.candidates[row]][:-1].any()


def test_the_kl_to_the_start_is_0_at_the_start_and_holds_the_policy_back(opened, vocabulary):
    policy = shaken(toy_policy(opened)[0])
    actions = [WeightedAction(action_of(vocabulary, "oven", "star"), 1.0)]
    reference = copy.deepcopy(policy)

    def loss(kl_coef):
        config = changed(CONFIG, kl_coef=kl_coef)
        return float(weighted_loss(policy, reference, actions, config, np.random.default_rng(0)).detach())

    assert loss(5.0) == pytest.approx(loss(0.0), abs=1e-4)
    moved = []
    for kl_coef in (0.0, 50.0):
        learner = copy.deepcopy(policy)
        config = changed(CONFIG, kl_coef=kl_coef, epochs=20, learning_rate=1e-2)
        scores = iter(range(100))
        train_reward_weighted(learner, actions, config, lambda _, scores=scores: float(next(scores)))
        batch = collate([actions[0].action.prompt], policy.vocabulary_size)
        moved.append(float(divergence(reference, learner, batch).detach()))
    assert moved[0] > 10 * moved[1] > 0


def test_the_best_epoch_is_kept_and_training_stops_without_a_new_one(opened, vocabulary):
    policy = toy_policy(opened)[0]
    start = copy.deepcopy(policy.state_dict())
    scores = iter([1.0, 0.5, 0.9, 0.8])
    actions = [WeightedAction(action_of(vocabulary, "oven", "star"), 1.0)]
    best, scores_seen = train_reward_weighted(policy, actions, changed(CONFIG, patience=3), lambda _: next(scores))
    assert (best, scores_seen) == (0, (1.0, 0.5, 0.9, 0.8))
    assert all(torch.equal(start[name], weight) for name, weight in policy.state_dict().items())
