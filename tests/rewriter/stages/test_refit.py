"""Refits: the choices and the steps of a twin, on other sessions."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.stages import ppo, warm_start
from untilclick.rewriter.stages.record import read_stage

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_PPO, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_base, run_ppo, run_warm_start

SESSIONS = tuple(toy_sessions(toy_topics(), each=2))
WARM_START = replace(TOY_WARM_START, epochs=10, learning_rate=5e-3)
PPO = changed(TOY_PPO, iterations=4, validate_every=1, patience=9)


@pytest.fixture(scope="module")
def sides(opened):
    """The same sessions to train and to validate on, so that training pays; and others."""
    half = SESSIONS[:24]
    return LogSides(half, half, SESSIONS[24:], {}, opened.analysis, None)


@pytest.fixture(scope="module")
def twins(opened, sides, tmp_path_factory):
    """A run folder after base, warm start and PPO."""
    run = tmp_path_factory.mktemp("twins")
    run_base(opened, run, TOY_POLICY, TOY_BASE)
    run_warm_start(opened, run, sides, WARM_START)
    run_ppo(opened, run, sides, PPO)
    return run


@pytest.fixture
def again(twins, tmp_path):
    """A run folder with the same base."""
    (tmp_path / "base").symlink_to(twins / "base")
    return RunConfig(tmp_path)


def refitted(run, twins, opened, sides):
    stage = warm_start.WarmStartStage(run, WARM_START)
    first = warm_start.refit(stage, twins / "warm_start", opened, sides)
    return first, ppo.refit(ppo.PPOStage(run, PPO), twins / "ppo", opened, sides)


def weights(folder) -> dict[str, torch.Tensor]:
    return open_rewriter(folder).policy.state_dict()


def test_a_refit_on_the_sessions_of_its_twin_gives_the_same_weights(twins, again, opened, sides):
    assert read_stage(twins / "warm_start").figures["best_epoch"] > 0
    assert read_stage(twins / "ppo").figures["best_round"] > 0
    for folder in refitted(again, twins, opened, sides):
        twin, own = weights(twins / folder.name), weights(folder)
        assert all(torch.equal(own[name], twin[name]) for name in twin)


def test_a_refit_takes_as_many_steps_on_more_sessions_and_has_the_blend_of_its_twin(twins, again, opened, sides):
    everything = replace(sides, training=sides.training + sides.judged, validation=(), judged=())
    steps = []
    stage = warm_start.WarmStartStage(again, WARM_START)
    folder = warm_start.refit(stage, twins / "warm_start", opened, everything, lambda step, *_: steps.append(step))
    twin, own = read_stage(twins / "warm_start"), read_stage(folder)
    an_epoch = -(-int(twin.figures["examples"]) // WARM_START.batch_size)
    assert len(steps) == twin.figures["best_epoch"] * an_epoch
    assert own.figures["examples"] > twin.figures["examples"]
    assert own.blend == twin.blend
    assert own.figures["validation_ndcg"] == twin.figures["validation_ndcg"]
    assert not torch.equal(*(weights(each)["t5.shared.weight"] for each in (folder, twins / "warm_start")))
    rounds = []
    folder = ppo.refit(ppo.PPOStage(again, PPO), twins / "ppo", opened, everything, lambda n, *_: rounds.append(n))
    assert rounds[-1] == read_stage(twins / "ppo").figures["best_round"]
    assert read_stage(folder).figures["queries"] > read_stage(twins / "ppo").figures["queries"]


def test_a_warm_start_is_trained_further_in_place_on_some_sessions(twins, again, opened, sides):
    stage, some = warm_start.WarmStartStage(again, WARM_START), sides.to_learn_from(sides.training[:8])
    folder = warm_start.refit(stage, twins / "warm_start", opened, sides)
    before, steps = weights(folder), []
    assert warm_start.train_further(stage, folder, opened, some, lambda step, *_: steps.append(step)) == folder
    assert WARM_START.epochs * -(-8 // WARM_START.batch_size) < len(steps) == warm_start.LEAST_FURTHER
    assert not torch.equal(weights(folder)["t5.shared.weight"], before["t5.shared.weight"])
    assert read_stage(folder).blend == read_stage(twins / "warm_start").blend


def test_sessions_that_teach_nothing_leave_a_warm_start_as_it_is(twins, again, opened, sides):
    stage = warm_start.WarmStartStage(again, WARM_START)
    folder = warm_start.refit(stage, twins / "warm_start", opened, sides)
    before = weights(folder)
    without_clicks = [
        replace(session, turns=tuple(replace(turn, clicks=()) for turn in session.turns))
        for session in sides.training
    ]
    warm_start.train_further(stage, folder, opened, sides.to_learn_from(without_clicks))
    assert all(torch.equal(value, before[name]) for name, value in weights(folder).items())
