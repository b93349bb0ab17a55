"""The training stages at toy size, from documents to a bundle, by what they write."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest
import torch

from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.language.prompts import PROMPT_VERSION
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.t5_folder import load_policy
from untilclick.rewriter.ppo_config import RewardName
from untilclick.rewriter.serving import bundle
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.stages import export
from untilclick.rewriter.stages.input import Sources, sides_of
from untilclick.rewriter.stages.record import StageRecord, drop_checkpoint, latest_stage, read_stage
from untilclick.search.corpora.load import corpus_of
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError, ModelError
from untilclick.search.records import Collection

from tests.rewriter.toy_learning import (
    TOY_BASE,
    TOY_POLICY,
    TOY_PPO,
    TOY_WARM_START,
    toy_documents,
    toy_sessions,
    toy_topics,
)
from tests.rewriter.toy_stages import run_base, run_offline, run_ppo, run_warm_start

SESSIONS = tuple(toy_sessions(toy_topics()[:18], each=2))
FIGURES = {"validation_ndcg", "validation_ndcg_original"}


@pytest.fixture(scope="module")
def trained(opened, tmp_path_factory):
    """A run folder after base and warm start."""
    run = tmp_path_factory.mktemp("run")
    run_base(opened, run, TOY_POLICY, TOY_BASE)
    run_warm_start(opened, run, SESSIONS, TOY_WARM_START)
    return run


@pytest.fixture
def run(trained, tmp_path):
    """A run folder of its own for a test that adds to it."""
    for stage in ("base", "warm_start"):
        (tmp_path / stage).symlink_to(trained / stage)
    return tmp_path


def lines(run) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "ppo.log" / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("stage", "config", "figures"),
    [
        ("base", TOY_BASE, {"loss", "vocabulary", "outside_words"}),
        ("warm_start", TOY_WARM_START, {"pairs", "examples", "best_epoch", "validation_start"}),
    ],
)
def test_a_stage_says_what_it_is_made_of(trained, opened, stage, config, figures):
    record = read_stage(trained / stage)
    assert isinstance(record, StageRecord)
    assert (record.stage, record.data, record.engine) == (stage, "toy", "tantivy")
    assert record.fingerprint == opened.collection.corpus.fingerprint
    assert record.config == {name: getattr(config, name) for name in record.config}
    assert record.prompt_version == PROMPT_VERSION
    assert set(record.figures) == figures | FIGURES
    assert record.blend.original >= 0.2
    policy, vocabulary = load_policy(trained / stage)
    assert policy.vocabulary_size == len(vocabulary)


def test_the_chosen_blend_beats_the_original_query_on_validation(trained):
    figures = read_stage(trained / "warm_start").figures
    assert figures["validation_ndcg"] > figures["validation_ndcg_original"]
    assert figures["validation_ndcg"] >= figures["validation_start"]


def test_the_choice_of_the_blend_is_shown_after_the_training(opened, run):
    """It once took minutes without a word."""
    shown = []

    def progress(done, total, _loss, part=""):
        shown.append((part, done, total))

    run_warm_start(opened, run, SESSIONS, replace(TOY_WARM_START, epochs=1), progress)
    ppo_starts = len(shown)
    run_ppo(opened, run, SESSIONS, changed(TOY_PPO, iterations=1), progress)
    choice = [("choosing the blend", done, 12) for done in range(1, 13)]
    assert shown[ppo_starts - 12 : ppo_starts] == choice
    assert shown[ppo_starts:] == [("", 1, 1), *choice]


def test_ppo_writes_a_model_metrics_and_leaves_no_checkpoint(run, opened):
    config = changed(TOY_PPO, validate_every=2)
    folder = run_ppo(opened, run, SESSIONS, config)
    record = read_stage(folder)
    assert set(record.figures) == {"queries", "rollouts", "best_round"} | FIGURES
    assert record.figures["rollouts"] == 6 * 8 * 4
    assert record.config["reward"] == "ndcg"
    rows = lines(run)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert ["validation" in row for row in rows] == [False, True] * 3
    expected = {"reward_mean", "reward_original", "kl", "kl_coef", "entropy", "clip_share", "grad_norm", "skipped"}
    assert expected <= set(rows[0])
    assert list((run / "ppo.log" / "tensorboard").iterdir())
    assert not (run / "ppo.checkpoint").exists()
    assert not [path for path in run.iterdir() if path.name.startswith(".")]
    assert latest_stage(run) == folder


def interrupt_after(rounds: int):
    def progress(done: int, total: int, reward: float) -> None:
        if done == rounds:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_run_continues_and_ends_as_if_it_had_not_been(run, opened, trained, tmp_path_factory):
    whole = tmp_path_factory.mktemp("whole")
    (whole / "warm_start").symlink_to(trained / "warm_start")
    run_ppo(opened, whole, SESSIONS, TOY_PPO)
    with pytest.raises(KeyboardInterrupt):
        run_ppo(opened, run, SESSIONS, TOY_PPO, interrupt_after(5))
    assert (run / "ppo.checkpoint").is_dir()
    with pytest.raises(ModelError, match="other settings"):
        run_ppo(opened, run, SESSIONS, changed(TOY_PPO, clip_range=0.3))
    rounds: list[int] = []
    run_ppo(opened, run, SESSIONS, TOY_PPO, lambda done, total, reward, part="": rounds.append(total))
    assert rounds == [6] * 3 + [12] * 12
    assert not (run / "ppo.checkpoint").exists()
    assert [row["step"] for row in lines(run)] == [1, 2, 3, 4, 5, 6]
    resumed_weights, expected_weights = (load_policy(folder / "ppo")[0].state_dict() for folder in (run, whole))
    assert all(torch.equal(resumed_weights[name], expected_weights[name]) for name in expected_weights)
    assert read_stage(run / "ppo").figures == read_stage(whole / "ppo").figures


def test_a_new_warm_start_forgets_the_interrupted_run_that_began_from_the_old_one(opened, trained, tmp_path):
    """Otherwise the reference and the weights of the old run would silently replace those of the new warm start."""
    for stage in ("base", "warm_start"):
        (tmp_path / stage).symlink_to(trained / stage)
    with pytest.raises(KeyboardInterrupt):
        run_ppo(opened, tmp_path, SESSIONS, TOY_PPO, interrupt_after(4))
    assert (tmp_path / "ppo.checkpoint").exists()
    (tmp_path / "warm_start").unlink()
    run_warm_start(opened, tmp_path, SESSIONS, replace(TOY_WARM_START, epochs=1))
    assert not (tmp_path / "ppo.checkpoint").exists()


def test_a_checkpoint_can_be_dropped(opened, run):
    with pytest.raises(KeyboardInterrupt):
        run_ppo(opened, run, SESSIONS, TOY_PPO, interrupt_after(4))
    drop_checkpoint(run)
    assert not (run / "ppo.checkpoint").exists()
    drop_checkpoint(run)


@pytest.mark.parametrize("reward", get_args(RewardName))
def test_every_reward_trains(opened, run, reward):
    folder = run_ppo(opened, run, SESSIONS, changed(TOY_PPO, reward=reward, iterations=2, validate_every=2))
    assert read_stage(folder).config["reward"] == reward
    assert len(lines(run)) == 2


def test_a_log_without_topics_is_learned_from_by_its_clicks(opened, run):
    live = tuple(toy_sessions(toy_topics()[:18], each=2, name_topics=False))
    folder = run_ppo(opened, run, live, changed(TOY_PPO, iterations=2, validate_every=2))
    assert read_stage(folder).figures["queries"] > 10


def test_a_log_that_teaches_nothing_is_a_data_error(opened, trained, tmp_path):
    (tmp_path / "base").symlink_to(trained / "base")
    (tmp_path / "warm_start").symlink_to(trained / "warm_start")
    for stage in (run_warm_start, run_ppo):
        config = TOY_WARM_START if stage is run_warm_start else TOY_PPO
        with pytest.raises(DataError, match="log"):
            stage(opened, tmp_path, (), config)
        with pytest.raises(DataError, match="1 need, and 2 are needed"):
            stage(opened, tmp_path, SESSIONS[:2], config)


def test_a_model_of_other_documents_is_refused(trained, run):
    documents = toy_documents()[:-1]
    other = OpenedCollection.of(Collection(corpus_of("toy", documents), {}, "made"), "tantivy")
    with pytest.raises(ModelError, match="other documents"):
        run_warm_start(other, run, SESSIONS, TOY_WARM_START)


def test_an_unfinished_run_is_named(tmp_path, opened):
    with pytest.raises(ModelError, match="no trained model"):
        latest_stage(tmp_path)
    with pytest.raises(ModelError, match="not a finished training stage"):
        read_stage(tmp_path / "base")
    with pytest.raises(ModelError, match="base"):
        run_warm_start(opened, tmp_path, SESSIONS, TOY_WARM_START)


def test_the_latest_finished_stage_is_found_and_exported(trained, opened, tmp_path):
    assert latest_stage(trained) == trained / "warm_start"
    record = read_stage(trained / "warm_start")
    folder = export.main(export.ExportConfig(trained, tmp_path / "bundle", "float32"), opened)
    manifest = bundle.read_manifest(folder)
    assert manifest.blend == record.blend
    assert isinstance(manifest.blend, BlendSettings)
    assert (manifest.data, manifest.fingerprint) == (record.data, record.fingerprint)
    assert dict(manifest.figures) == dict(record.figures)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_new_warm_start_forgets_interrupted_runs_of_both_backends(run, opened):
    for name in ("ppo.checkpoint", "ppo.trlx"):
        (run / name).mkdir()
    drop_checkpoint(run)
    assert not any((run / name).exists() for name in ("ppo.checkpoint", "ppo.trlx"))


def left(run) -> list[str]:
    return sorted(path.name for path in run.iterdir())


def test_a_new_warm_start_removes_the_stages_that_continued_from_the_old_one(opened, trained, tmp_path, caplog):
    """The last stage of a run is exported; it must not be a PPO or offline model of an earlier warm start."""
    (tmp_path / "base").symlink_to(trained / "base")
    run_warm_start(opened, tmp_path, SESSIONS, TOY_WARM_START)
    run_ppo(opened, tmp_path, SESSIONS, changed(TOY_PPO, iterations=1, validate_every=1))
    run_offline(opened, tmp_path, SESSIONS, OfflineConfig(epochs=1))
    assert left(tmp_path) == ["base", "offline", "ppo", "ppo.log", "warm_start"]
    with pytest.raises(DataError):
        run_warm_start(opened, tmp_path, (), TOY_WARM_START)
    assert len(left(tmp_path)) == 5, "a warm start that fails costs nothing"
    run_warm_start(opened, tmp_path, SESSIONS, replace(TOY_WARM_START, epochs=1))
    assert left(tmp_path) == ["base", "warm_start"]
    assert latest_stage(tmp_path) == tmp_path / "warm_start"
    assert [record.message.split(",")[0] for record in caplog.records] == [
        f"Removing {tmp_path / name}" for name in ("offline", "ppo")
    ]


def test_a_new_warm_start_removes_an_offline_model_of_the_base(opened, trained, tmp_path):
    (tmp_path / "base").symlink_to(trained / "base")
    run_offline(opened, tmp_path, SESSIONS, OfflineConfig(epochs=1))
    run_warm_start(opened, tmp_path, SESSIONS, replace(TOY_WARM_START, epochs=1))
    assert left(tmp_path) == ["base", "warm_start"]


def test_a_new_base_leaves_the_base_alone(opened, trained, tmp_path):
    """A linked folder loses its link only; the folder itself stays."""
    (tmp_path / "warm_start").symlink_to(trained / "warm_start")
    (tmp_path / "log.db").touch()
    run_base(opened, tmp_path, TOY_POLICY, replace(TOY_BASE, steps=1))
    assert left(tmp_path) == ["base", "log.db"]
    assert read_stage(trained / "warm_start").stage == "warm_start"


def test_ppo_and_offline_leave_each_other_alone(opened, run):
    run_offline(opened, run, SESSIONS, OfflineConfig(epochs=1))
    run_ppo(opened, run, SESSIONS, changed(TOY_PPO, iterations=1, validate_every=1))
    run_offline(opened, run, SESSIONS, OfflineConfig(epochs=1))
    assert left(run) == ["base", "offline", "ppo", "ppo.log", "warm_start"]


def test_a_log_is_split_as_it_was_for_the_stage_that_training_starts_from(trained, opened):
    """A run of an earlier version goes on with the split by first queries; another key is refused."""
    base, warm_start = (read_stage(trained / stage) for stage in ("base", "warm_start"))
    sources = Sources(opened, SESSIONS, SplitKey.of_seed(0))
    sides = sides_of(sources, base)
    assert base.split is None
    assert warm_start.split == sides.record
    assert sides_of(sources, warm_start) == sides
    assert sides.judged
    assert sides_of(sources._replace(log=sides), base) is sides
    earlier = sides_of(sources, replace(warm_start, split=None))
    assert earlier.record is None
    assert earlier.judged == ()
    with pytest.raises(ModelError, match="split key"):
        sides_of(sources._replace(key=SplitKey.of_seed(1)), warm_start)
