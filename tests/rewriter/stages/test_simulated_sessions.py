"""Simulated sessions beside a log: learned from after the log's own, and nothing else is changed by them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_queries import clicked_queries
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.stages import warm_start
from untilclick.rewriter.stages.input import Sources
from untilclick.rewriter.stages.ppo_input import PPOInput
from untilclick.rewriter.stages.record import read_stage

from tests.rewriter.toy_learning import (
    TOY_BASE,
    TOY_POLICY,
    TOY_PPO,
    TOY_WARM_START,
    VISITOR_SESSIONS,
    toy_sessions,
    toy_topics,
)
from tests.rewriter.toy_stages import run_base, run_warm_start

SIMULATED = tuple(toy_sessions(toy_topics()[18:], each=1, name_topics=False))
"""Sessions of other topics than `VISITOR_SESSIONS` have."""
PAIRS, SIMULATED_PAIRS = len(clicked_queries(VISITOR_SESSIONS[:24])), len(clicked_queries(SIMULATED))


@pytest.fixture(scope="module")
def alone(opened):
    """A log of visitors alone."""
    needs = {session.session_id: number for number, session in enumerate(VISITOR_SESSIONS)}
    return LogSides(VISITOR_SESSIONS[:24], VISITOR_SESSIONS[24:], (), needs, opened.analysis, None)


@pytest.fixture(scope="module")
def beside(alone):
    """The same log with simulated sessions beside it."""
    return replace(alone, simulation=lambda _training: SIMULATED)


@pytest.fixture(scope="module")
def run(opened, beside, tmp_path_factory):
    """A run folder after base and warm start, with simulated sessions."""
    run = tmp_path_factory.mktemp("run")
    run_base(opened, run, TOY_POLICY, TOY_BASE)
    run_warm_start(opened, run, beside, replace(TOY_WARM_START, epochs=1))
    return run


def test_the_warm_start_learns_from_both(run):
    assert read_stage(run / "warm_start").figures["pairs"] == PAIRS + SIMULATED_PAIRS


def test_the_log_comes_first_where_there_is_no_room_for_both(opened, run, beside, tmp_path):
    (tmp_path / "base").symlink_to(run / "base")
    room = replace(TOY_WARM_START, epochs=1, max_pairs=PAIRS + 1)
    assert read_stage(run_warm_start(opened, tmp_path, beside, room)).figures["pairs"] == PAIRS + 1


def test_ppo_learns_from_both(opened, run, alone, beside):
    def learned(sides):
        config = changed(TOY_PPO, reward="hindsight")
        trained = PPOInput.read(Sources(opened, sides, SplitKey.of_seed(1)), run, config).training
        return [rendered.query.request for rendered in trained]

    both, of_log = learned(beside), learned(alone)
    simulated = {query.request for query in clicked_queries(SIMULATED)}
    assert set(both) - set(of_log) == {request for request in both if request in simulated} != set()
    assert set(of_log) <= set(both)


def test_a_further_training_on_some_queries_reads_these_alone(opened, run, beside, tmp_path, monkeypatch):
    """Queries that return are learned from their visitors."""
    read = []
    examples = warm_start._examples

    def counted(config, start, pairs, *, corrections):
        read.append(len(pairs))
        return examples(config, start, pairs, corrections=corrections)

    monkeypatch.setattr(warm_start, "_examples", counted)
    (tmp_path / "base").symlink_to(run / "base")
    folder = run_warm_start(opened, tmp_path, beside, replace(TOY_WARM_START, epochs=1))
    config = warm_start.WarmStartStage(RunConfig(tmp_path), replace(TOY_WARM_START, epochs=1))
    warm_start.train_further(config, folder, opened, beside.to_learn_from(VISITOR_SESSIONS[:4]))
    assert read == [PAIRS + SIMULATED_PAIRS, len(clicked_queries(VISITOR_SESSIONS[:4]))]


def test_they_are_on_no_side_and_hide_no_query_from_judgement(alone, beside):
    assert beside.simulated == SIMULATED
    assert alone.simulated == ()
    assert (beside.all, beside.word_sessions) == (alone.all, alone.word_sessions)
    typed = SIMULATED[0].turns[0].query
    assert not beside.is_typed_in_training(typed)


def test_they_are_made_from_what_each_training_may_read(alone):
    """In a fold, and in a refit, the sessions that the users are made from are those of that training."""
    seen = []

    def simulation(training):
        seen.append(training)
        return SIMULATED

    beside = replace(alone, simulation=simulation)
    for fold in beside.folds(3, seed=0):
        assert fold.simulated == fold.simulated == SIMULATED
        assert seen.pop() == fold.training
        assert seen == []
        assert not {each.session_id for each in fold.judged} & {each.session_id for each in fold.training}
    assert beside.to_learn_from(beside.all).simulated == SIMULATED
    assert seen == [beside.all]
