"""A pretrained subword T5 through the stages at toy size: what it learns, what is written, what is served."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rewriter import export
from rewriter.bundle import read_manifest
from rewriter.config import OfflineConfig
from rewriter.environment import RewardEnvironment, RolloutBlend
from rewriter.hindsight import TargetMaker, TargetSettings, hindsight_pairs
from rewriter.model_folder import open_rewriter
from rewriter.offline_stage import run_offline
from rewriter.policy_rewriter import policy_rewriter, reader
from rewriter.ppo_task import PPOTask
from rewriter.ppo_trainer import PPOTrainer
from rewriter.pseudo_queries import term_weights
from rewriter.rewards import NdcgReward
from rewriter.rewrite import RewriteRequest
from rewriter.rollout import sample
from rewriter.runtime import CTranslate2Texts, open_bundle, open_language
from rewriter.stage_record import read_stage
from rewriter.stages import run_ppo, run_subword_base, run_warm_start
from rewriter.subword_base import SubwordStart
from rewriter.subword_config import SubwordConfig, is_subword_stage
from rewriter.target_texts import target_ids, text_loss
from rewriter.text_environment import TextEnvironment
from rewriter.training_data import LoggedQuery, training_query
from rewriter.training_log import TrainingLog
from rewriter.vocabulary import TermVocabulary
from rewriter.warm_start import loss_of, make_examples, train_warm_start
from search.errors import ModelError
from tests.rewriter.toy_learning import toy_sessions, toy_topics
from tests.rewriter.toy_subword_stages import BASE, PPO, SETTINGS, WARM_START, pretrained, toy_language

ROOT = Path(__file__).parents[2]
SESSIONS = tuple(toy_sessions(toy_topics(), each=1))
REQUESTS = [RewriteRequest(topic.query) for topic in toy_topics()] + [RewriteRequest("moon", ("star", "comet"))]


@pytest.fixture(scope="module")
def taught(bench, tmp_path_factory):
    """A policy after thirty passes of warm start, its language, its examples, and what they cost before and after."""
    policy, language = toy_language(bench, tmp_path_factory.mktemp("t5"))
    weights = term_weights(bench.index, language.vocabulary)
    maker = TargetMaker(bench.scorer(language.vocabulary), weights, TargetSettings(20, 10, 0.02))
    examples = make_examples(hindsight_pairs(SESSIONS), maker, language, bench.spelling, None)
    losses = [cost(policy, language, examples)]
    counted = iter(range(100))
    config = replace(WARM_START, epochs=30, patience=30)
    train_warm_start(
        policy, examples, config, lambda _: float(next(counted)), loss=loss_of(language, config)
    )
    return policy, language, examples, [*losses, cost(policy, language, examples)]


def cost(policy, language, examples) -> float:
    with torch.no_grad():
        batch = policy.batch([one.prompt for one in examples])
        return float(text_loss(policy, batch, [target_ids(one.target, language) for one in examples]))


def test_warm_start_makes_the_targets_likely(taught):
    """From 6 nats a token, which is chance among 290 tokens, to less than 2."""
    before, after = taught[3]
    assert before > 5
    assert after < 2


def test_a_target_text_is_the_best_words_heaviest_first_and_no_longer_than_an_answer(taught):
    _, language, examples, _ = taught
    for one in examples:
        heaviest = one.target.ids[np.argsort(-one.target.weights, kind="stable")][: SETTINGS.target_words]
        ids = target_ids(one.target, language)
        assert ids[-1] == 1
        assert len(ids) <= SETTINGS.length
        assert set(language.terms(language.texts([ids])[0])) <= set(heaviest.tolist()) or len(ids) == SETTINGS.length


def environment(bench, language) -> tuple[TextEnvironment, list]:
    logged = [LoggedQuery(RewriteRequest(one.query), one.relevance) for one in toy_topics()]
    queries = [training_query(one, None) for one in logged]
    prompts = [language.prompt(one.request) for one in logged]
    scorer = bench.scorer(language.vocabulary)
    return TextEnvironment(RewardEnvironment(scorer, queries, NdcgReward(), RolloutBlend(0.5)), prompts, language), prompts


def mean_gain(policy, surroundings, prompts) -> float:
    drawn = sample(policy, policy.batch(prompts), 8, SETTINGS.length, torch.Generator().manual_seed(5))
    rows, rng = np.arange(len(prompts)), np.random.default_rng(5)
    return float(surroundings.rewards(rows, drawn.ids.numpy(), drawn.terms.numpy(), rng).gain.mean())


def test_ppo_raises_the_reward_of_texts(bench, taught, tmp_path):
    policy, language = copy.deepcopy(taught[0]), taught[1]
    surroundings, prompts = environment(bench, language)
    before = mean_gain(policy, surroundings, prompts)
    config = replace(PPO, terms=SETTINGS.length, iterations=25, validate_every=25)
    counted = iter(range(100))
    trainer = PPOTrainer(policy, prompts, surroundings, config, lambda _: float(next(counted)))
    with TrainingLog(tmp_path) as log:
        trainer.train(log)
    assert mean_gain(policy, surroundings, prompts) > before + 0.03
