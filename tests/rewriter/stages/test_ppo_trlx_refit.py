"""Refits and repetitions of PPO in trlX: the options and the steps of a twin, on other sessions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.proof import retraining
from untilclick.rewriter.stages import ppo_trlx
from untilclick.rewriter.stages.ppo import PPOStage
from untilclick.rewriter.stages.record import STAGE_FILE, read_stage
from untilclick.rewriter.trlx import options
from untilclick.search.errors import ModelError, UntilclickError

from tests.rewriter.toy_learning import TOY_BASE, TOY_POLICY, TOY_PPO, TOY_WARM_START, toy_sessions, toy_topics
from tests.rewriter.toy_stages import run_base, run_ppo, run_warm_start
from tests.rewriter.toy_trlx import NoReward, PlantedTexts, in_trlx

SESSIONS = tuple(toy_sessions(toy_topics(), each=2))
PPO = changed(TOY_PPO, iterations=4, validate_every=1, patience=9)
BETAS = {"optimizer": {"kwargs": {"betas": [0.5, 0.9]}}}
"""Options that only trlX has."""


@pytest.fixture(scope="module")
def sides(opened):
    """The same sessions to train and to validate on, so that training pays; and others."""
    half = SESSIONS[:24]
    return LogSides(half, half, SESSIONS[24:], {}, opened.analysis, None)


@pytest.fixture(scope="module")
def warm(opened, sides, tmp_path_factory):
    """A run folder after base and warm start."""
    run = tmp_path_factory.mktemp("warm")
    run_base(opened, run, TOY_POLICY, TOY_BASE)
    run_warm_start(opened, run, sides, TOY_WARM_START)
    return run


@pytest.fixture(scope="module")
def twin(opened, sides, warm, tmp_path_factory):
    """The stage `ppo`, trained in trlX with options of its own."""
    run = with_warm_start(tmp_path_factory.mktemp("twin"), warm)
    stage = ppo_trlx.PPOTrlxStage.of(PPOStage(run, PPO))
    return ppo_trlx.main(replace(stage, trlx=stage.trlx.evolve(**BETAS)), opened, sides)


@pytest.fixture
def again(warm, tmp_path):
    """Another run folder with the same warm start."""
    return with_warm_start(tmp_path / "again", warm)


def with_warm_start(folder: Path, warm: Path) -> RunConfig:
    folder.mkdir(exist_ok=True)
    (folder / "warm_start").symlink_to(warm / "warm_start")
    return RunConfig(folder)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return open_rewriter(folder).policy.state_dict()


def same(first: Path, second: Path) -> bool:
    one, other = weights(first), weights(second)
    return all(torch.equal(one[name], other[name]) for name in one)


def with_best_step(twin: Path, folder: Path, step: int) -> Path:
    """A copy of the twin's record whose best weights are those of another step."""
    folder.mkdir()
    record = json.loads((twin / STAGE_FILE).read_text(encoding="utf-8"))
    record["figures"]["best_step"] = float(step)
    (folder / STAGE_FILE).write_text(json.dumps(record), encoding="utf-8")
    (folder / options.FILE).write_bytes((twin / options.FILE).read_bytes())
    return folder


@in_trlx
def test_a_refit_on_the_sessions_of_its_twin_gives_the_same_weights(twin, again, opened, sides, capsys):
    steps = read_stage(twin).figures["best_step"]
    assert steps > 0
    shown = []
    folder = retraining.refit(twin, again, opened, sides, lambda step, n, _: shown.append((step, n)))
    assert folder == again.out / "ppo"
    assert same(folder, twin)
    assert shown[-1] == (steps, steps)
    assert sorted(path.name for path in again.out.iterdir()) == ["ppo", "warm_start"]  # no checkpoints are left
    assert capsys.readouterr().out == ""


@in_trlx
def test_a_refit_takes_as_many_steps_on_more_sessions_and_has_the_blend_of_its_twin(twin, again, opened, sides):
    everything = replace(sides, training=sides.training + sides.judged, validation=(), judged=())
    shown = []
    folder = retraining.refit(twin, again, opened, everything, lambda step, *_: shown.append(step))
    record, own = read_stage(twin), read_stage(folder)
    assert shown[-1] == record.figures["best_step"]
    assert not same(folder, twin)
    assert (own.blend, own.config) == (record.blend, record.config)
    assert own.figures.keys() == record.figures.keys()
    assert own.figures["queries"] > record.figures["queries"]
    unchanged = record.figures.keys() - {"queries", "rollouts"}
    assert all(own.figures[name] == record.figures[name] for name in unchanged)


@in_trlx
def test_a_refit_of_one_step_ends_in_the_middle_of_a_round(twin, again, opened, sides, tmp_path):
    shown = []
    short = with_best_step(twin, tmp_path / "short", 1)
    folder = retraining.refit(short, again, opened, sides, lambda step, n, _: shown.append((step, n)))
    assert shown == [(1, 1)]
    assert not same(folder, again.out / "warm_start")


@in_trlx
def test_a_refit_of_no_step_is_the_warm_start_with_the_blend_of_its_twin(twin, again, opened, sides, tmp_path):
    folder = retraining.refit(with_best_step(twin, tmp_path / "none", 0), again, opened, sides)
    assert same(folder, again.out / "warm_start")
    assert read_stage(folder).figures["rollouts"] == 0
    assert read_stage(folder).blend == read_stage(twin).blend


@in_trlx
def test_a_stage_of_trlx_is_trained_again_in_trlx_with_its_options(twin, again, opened, sides, capsys):
    folder = retraining.train_again(twin, again, opened, sides)
    assert read_stage(folder).figures == read_stage(twin).figures
    assert same(folder, twin)
    assert json.loads((folder / options.FILE).read_text(encoding="utf-8"))["optimizer"]["kwargs"]["betas"] == [
        0.5,
        0.9,
    ]
    assert capsys.readouterr().out == ""


@in_trlx
def test_a_stage_of_an_earlier_version_is_repeated_with_its_settings(twin, tmp_path):
    config = options.repeated(PPO, tmp_path, tmp_path / "warm_start", tmp_path / "checkpoints")
    assert config.train.total_steps == PPO.iterations * PPO.update.epochs
    assert config.optimizer.kwargs["lr"] == PPO.update.learning_rate
    (tmp_path / options.FILE).write_text('{"optimizer": 3}', encoding="utf-8")
    with pytest.raises(ModelError, match=r"trlx\.json cannot be read .*train the stage again"):
        options.repeated(PPO, tmp_path, tmp_path / "warm_start", tmp_path / "checkpoints")


@in_trlx
def test_sizes_that_our_settings_cannot_express_are_repeated_as_they_were(tmp_path):
    """Steps of 6 and 2 prompts in micro-batches of 2: our settings have 3 micro-batches for steps of equal size."""
    from untilclick.rewriter.trlx.config import ppo_config, trlx_config

    sizes = {"method": {"num_rollouts": 64}, "train": {"batch_size": 24, "minibatch_size": 8, "total_steps": 30}}
    config = trlx_config(PPO, tmp_path / "warm_start", tmp_path / "checkpoints").evolve(**sizes)
    options.write_options(config, tmp_path)
    again = options.repeated(ppo_config(config), tmp_path, tmp_path / "warm_start", tmp_path / "checkpoints")
    assert again.to_dict() == config.to_dict()


@in_trlx
@pytest.mark.parametrize(("reward_from", "steps"), [(0, 8), (2, 8), (9, 0)])
def test_skipped_rounds_take_no_step_and_count_as_rounds(start, reward_from, steps):
    """Of six rounds at most, those before the first reward are skipped."""

    class LaterReward(PlantedTexts):
        """Pays from one of its calls on."""

        calls = 0

        def __call__(self, *args, **kwargs) -> list[float]:
            self.calls += 1
            pays = self.calls > reward_from
            return super().__call__(*args, **kwargs) if pays else NoReward.__call__(self, *args, **kwargs)

    trainer = start(reward=LaterReward, iterations=4, validate_every=4, rounds=6)
    trainer._greedy_rewards = lambda: [0.0] * len(trainer.eval_pipeline)
    trainer.learn()
    assert trainer.iter_count == steps
    assert trainer.progress.round == min(6, reward_from + 4)


def test_a_run_of_trlx_says_what_is_missing_before_anything_is_judged(opened, warm, sides, again, monkeypatch):
    """What a proof says of a run must not depend on what is installed where it is asked for."""
    folder = run_ppo(opened, again.out, sides, changed(PPO, iterations=1))
    monkeypatch.setattr(ppo_trlx, "find_spec", lambda _name: None)
    assert retraining.judged_stage(again.out) == folder
    record = json.loads((folder / STAGE_FILE).read_text(encoding="utf-8"))
    record["figures"]["best_step"] = record["figures"].pop("best_round")
    (folder / STAGE_FILE).write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(UntilclickError, match=rf"trlX is not installed.*{folder} was trained in trlX"):
        retraining.judged_stage(again.out)
