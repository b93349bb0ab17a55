"""Checkpoints of PPO in trlX: which folders are checkpoints, which fit a run, and that a resumed run continues as if
it had not stopped."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.policy.subword import load_subword, save_subword
from untilclick.rewriter.policy.t5_folder import load_policy, save_policy
from untilclick.rewriter.trlx.best import EVALUATION_FILE, Evaluation, saved_evaluation, write_best
from untilclick.rewriter.trlx.checkpoint import (
    MARKER,
    newest_checkpoint,
    prompts_hash,
    read,
    rng_of,
    weights_hash,
    write,
)
from untilclick.search.errors import ModelError

from tests.rewriter.toy_learning import shaken, toy_policy
from tests.rewriter.toy_subword import toy_subword
from tests.rewriter.toy_trlx import NoReward, PlantedTexts, equal, in_trlx, rows_of, weights


class RandomReward(PlantedTexts):
    """Pays by chance, from random numbers of its own, a little more for the right term."""

    def __init__(self, right: list[str]) -> None:
        super().__init__(right)
        self.rng = np.random.default_rng(5)

    def __call__(self, *args, **kwargs) -> list[float]:
        return [paid + float(self.rng.random()) for paid in super().__call__(*args, **kwargs)]


def changed(folder: Path, **content) -> Path:
    """The checkpoint with other content in its marker."""
    write({**read(folder / MARKER), **content}, folder / MARKER)
    return folder


def earning(trainer, *rewards: float):
    """The trainer, whose evaluations return these rewards in turn, each for all prompts."""
    coming = iter(rewards)
    trainer._greedy_rewards = lambda: [next(coming)] * len(trainer.eval_pipeline)
    return trainer


# --- without trlX ---


def test_the_newest_checkpoint_is_the_whole_one_of_the_most_steps(tmp_path):
    assert newest_checkpoint(tmp_path) is None
    for name in (
        "checkpoint_08",
        "checkpoint_12",
        "checkpoint_99",
        "checkpoint_",
        "checkpoint_best",
        "best_checkpoint",
    ):
        (tmp_path / name).mkdir()
        if name != "checkpoint_99":  # was being written when the run was killed
            (tmp_path / name / MARKER).write_text("")
    (tmp_path / "checkpoint_100").write_text("no folder")
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint_12"


def test_what_is_written_is_there_whole_or_not_at_all(tmp_path):
    write({"a": 1}, tmp_path / "file.pt")

    class Unwritable:
        def __reduce__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write({"a": 2, "b": Unwritable()}, tmp_path / "file.pt")
    assert read(tmp_path / "file.pt") == {"a": 1}


def test_a_hash_tells_models_apart_however_they_are_stored(opened, tmp_path):
    policy, vocabulary = toy_policy(opened)
    save_policy(policy, vocabulary, tmp_path)
    first = weights_hash(policy)
    assert weights_hash(load_policy(tmp_path)[0]) == first
    with torch.no_grad():
        policy.value_head.bias.add_(1)
    changed_bias = weights_hash(policy)
    assert len({first, changed_bias, weights_hash(policy.to(torch.bfloat16))}) == 3


def test_a_t5_of_pytorch_weights_has_a_hash_of_its_own(tmp_path):
    """No file of such a folder ends in .safetensors."""
    policy, vocabulary = toy_subword()
    hashes = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        save_subword(policy, vocabulary, folder)
        (folder / "model.safetensors").unlink()
        torch.save(policy.t5.state_dict(), folder / "pytorch_model.bin")
        hashes.append(weights_hash(load_subword(folder)[0]))
        with torch.no_grad():
            policy.t5.shared.weight.add_(1)
    assert hashes[0] != hashes[1]


def test_a_hash_tells_prompts_and_their_order_apart():
    first, second, named = Prompt((5, 1), ()), Prompt((6, 1), ()), Prompt((5, 1), (5,))
    lists = [[[first, second]], [[second, first]], [[first], [second]], [[first]], [[named, second]], [[], []]]
    assert len({prompts_hash(*prompts) for prompts in lists}) == len(lists)
    assert prompts_hash([first]) == prompts_hash((Prompt((5, 1), ()),))


def test_weights_say_what_evaluation_they_won(opened, tmp_path):
    policy, vocabulary = toy_policy(opened)
    assert saved_evaluation(tmp_path / "best") == Evaluation(-math.inf, 0)
    write_best(tmp_path / "best", policy, vocabulary, Evaluation(0.1 + 0.2, 7))
    assert saved_evaluation(tmp_path / "best") == Evaluation(0.1 + 0.2, 7)
    for content in ("", "[]", "{}", '{"reward": null, "step": 1}'):
        (tmp_path / "best" / EVALUATION_FILE).write_text(content, encoding="utf-8")
        assert saved_evaluation(tmp_path / "best") == Evaluation()


def test_the_random_numbers_of_any_reward_are_found_if_it_has_some():
    assert rng_of(lambda samples: []) is None
    assert rng_of(RandomReward([])) is not None


# --- going on ---


@in_trlx
@pytest.mark.parametrize("at", [4, 6])
@pytest.mark.parametrize("reward", [PlantedTexts, RandomReward])
def test_a_resumed_run_continues_bit_for_bit(start, tmp_path, reward, at):
    """An evaluation follows the checkpoint at 4 steps, but not the one at 6."""
    changes = {"kl_target": 0.05, "kl_horizon": 200, "checkpoint_every": 1, "reward": reward}
    whole = start(log_folder=tmp_path / "whole", **changes)
    whole.learn()
    (tmp_path / "cut").mkdir()
    metrics = (tmp_path / "whole" / "metrics.jsonl").read_text(encoding="utf-8")
    (tmp_path / "cut" / "metrics.jsonl").write_text(metrics, encoding="utf-8")
    resumed = start(log_folder=tmp_path / "cut", **changes)
    shaken(resumed._policy)
    resumed.load(str(tmp_path / "checkpoints" / f"checkpoint_{at}"))
    best = resumed.progress.best.score
    assert resumed.progress.step == at
    resumed.learn()
    assert resumed.iter_count == whole.iter_count == 8
    assert resumed.progress == whole.progress
    assert resumed.progress.best.score >= best > -math.inf
    assert resumed.kl.coefficient == whole.kl.coefficient
    assert resumed.scheduler.scheduler.last_epoch == whole.scheduler.scheduler.last_epoch
    assert equal(weights(resumed._policy), weights(whole._policy))
    assert equal(weights(resumed.average.module), weights(whole.average.module))
    moments, expected = (trainer.opt.optimizer.state_dict()["state"] for trainer in (resumed, whole))
    assert moments.keys() == expected.keys()
    assert all(torch.equal(moments[key]["exp_avg"], expected[key]["exp_avg"]) for key in expected)
    assert rows_of(tmp_path / "cut") == rows_of(tmp_path / "whole")


@in_trlx
def test_a_run_resumed_in_the_middle_of_a_round_starts_that_round_anew(start, tmp_path):
    whole = start(log_folder=tmp_path / "log")
    whole.config.train.checkpoint_interval = 3
    whole.learn()
    resumed = start(log_folder=tmp_path / "log")
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_3"))
    resumed.learn()
    assert resumed.iter_count == 8
    assert [row["step"] for row in rows_of(tmp_path / "log")] == [1, 2, 3, 4]
    assert resumed.progress.rollouts == 5 * 32  # those of the round that was cut were drawn as well


@in_trlx
def test_the_steps_of_what_is_logged_go_on_after_a_resume(start, tmp_path, monkeypatch):
    start().learn()
    resumed = start()
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_4"))
    logged = []
    monkeypatch.setattr(resumed.accelerator, "log", lambda stats, step: logged.append(step))
    resumed.learn()
    assert min(logged) == 4
    assert logged == sorted(logged)


@in_trlx
def test_a_finished_run_trains_no_step_more(start, tmp_path):
    """A run may be killed after its last checkpoint and before its stage is written."""
    whole = start(log_folder=tmp_path / "log")
    whole.learn()
    rows = rows_of(tmp_path / "log")
    resumed = start(log_folder=tmp_path / "log")
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_8"))
    resumed.learn()
    assert resumed.iter_count == 8
    assert resumed.progress == whole.progress
    assert equal(weights(resumed._policy), weights(whole._policy))
    assert rows_of(tmp_path / "log") == rows


@in_trlx
def test_a_run_that_patience_has_ended_trains_no_step_more(start, tmp_path):
    changes = {"learning_rate": 0.0, "value_learning_rate": 0.0, "iterations": 50, "checkpoint_every": 1}
    whole = start(patience=2, **changes)
    whole.learn()
    resumed = start(patience=2, **changes)
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_008"))
    resumed.learn()
    assert resumed.iter_count == whole.iter_count == 8


@in_trlx
def test_a_worse_evaluation_after_a_resume_leaves_the_best_weights(start, tmp_path):
    trainer = start()
    trainer.learn()
    best = weights(load_policy(tmp_path / "checkpoints" / "best_checkpoint")[0])
    resumed = start(iterations=5)
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_8"))
    resumed.progress.best.score = 2.0
    resumed.learn()
    assert resumed.iter_count == 10
    assert equal(best, weights(load_policy(tmp_path / "checkpoints" / "best_checkpoint")[0]))


@in_trlx
@pytest.mark.parametrize(("last", "saved"), [(0.4, Evaluation(0.9, 6)), (0.95, Evaluation(0.95, 8))])
def test_after_a_kill_the_best_weights_and_what_is_said_of_them_belong_together(start, tmp_path, last, saved):
    """The run resumes at the checkpoint of 4 steps; the best weights of step 6 stay unless better ones follow."""
    best, changes = tmp_path / "checkpoints" / "best_checkpoint", {"checkpoint_every": 1, "validate_every": 1}
    earning(start(**changes), 0.1, 0.2, 0.3, 0.9, 0.4).learn()
    assert saved_evaluation(best) == Evaluation(0.9, 6)
    (best / "of the first run").touch()
    resumed = earning(start(**changes), 0.3, 0.5, last)
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_4"))
    resumed.learn()
    assert saved_evaluation(best) == saved
    assert (best / "of the first run").exists() == (saved.step == 6)
    assert resumed.progress.best.score == max(0.5, last)


@in_trlx
def test_best_weights_that_are_gone_are_no_hurdle_after_a_resume(start, tmp_path):
    start().learn()
    best = tmp_path / "checkpoints" / "best_checkpoint"
    shutil.rmtree(best)
    resumed = start(iterations=5)
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_8"))
    resumed.learn()
    assert saved_evaluation(best) == Evaluation(resumed.progress.best.score, resumed.progress.best.step)
    assert resumed.progress.best.step in (8, 10)


@in_trlx
def test_a_run_that_starts_over_takes_no_evaluation_from_the_one_before(start, tmp_path):
    best = tmp_path / "checkpoints" / "best_checkpoint"
    trainer = start(iterations=2)
    write_best(best, trainer.average.module, trainer.vocabulary, Evaluation(9.0, 70))
    trainer.learn()
    assert saved_evaluation(best) == Evaluation(trainer.progress.best.score, trainer.progress.best.step)


# --- killed while saving ---


@in_trlx
@pytest.mark.parametrize("earlier", [False, True])
def test_a_run_killed_while_saving_leaves_no_checkpoint(start, tmp_path, monkeypatch, earlier):
    """Nor does one that was writing over an earlier checkpoint of the same step."""
    trainer, folder = start(), tmp_path / "checkpoints" / "checkpoint_4"
    if earlier:
        trainer.save(str(folder))
        assert newest_checkpoint(folder.parent) == folder

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer.accelerator, "save_state", killed)
    with pytest.raises(KeyboardInterrupt):
        trainer.save(str(folder))
    assert folder.is_dir()
    assert newest_checkpoint(folder.parent) is None


@in_trlx
def test_the_marker_is_written_after_everything_else(start, tmp_path, monkeypatch):
    trainer, files = start(), []
    monkeypatch.setattr(
        "untilclick.rewriter.trlx.checkpoint.write",
        lambda content, path: (files.append(sorted(p.name for p in path.parent.iterdir())), write(content, path)),
    )
    trainer.save(str(tmp_path / "checkpoint_1"))
    assert f"0.{MARKER}" in files[-1]
    assert any(name.startswith("optimizer") for name in files[0])


# --- what does not fit ---


@in_trlx
def test_a_checkpoint_of_other_settings_is_refused(start, tmp_path):
    start().save(str(tmp_path / "checkpoint_1"))
    with pytest.raises(ModelError, match=r"other settings \(clip_range\)"):
        start(clip_range=0.3).load(str(tmp_path / "checkpoint_1"))


@in_trlx
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"optimizer": {"kwargs": {"weight_decay": 0.5}}}, "optimizer.kwargs.weight_decay"),
        ({"scheduler": {"kwargs": {"total_iters": 3}}}, "scheduler.kwargs.total_iters"),
        ({"optimizer": {"name": "adam"}, "train": {"seq_length": 32}}, "optimizer.name, train.seq_length"),
    ],
)
def test_a_checkpoint_of_other_options_of_trlx_is_refused_and_they_are_named(start, tmp_path, options, named):
    start().save(str(tmp_path / "checkpoint_1"))
    with pytest.raises(ModelError, match=rf"other settings \({named}\); repeat those"):
        start(options=options).load(str(tmp_path / "checkpoint_1"))


@in_trlx
def test_the_same_options_are_accepted_whatever_trlx_added_to_them(start, tmp_path):
    options = {"train": {"tracker": "tensorboard"}}
    start(options=options).save(str(tmp_path / "checkpoint_1"))
    start().load(str(tmp_path / "checkpoint_1"))


@in_trlx
@pytest.mark.parametrize("grown", ["prompts", "eval_pipeline"])
def test_a_checkpoint_of_other_prompts_is_refused(start, tmp_path, grown):
    start().save(str(tmp_path / "checkpoint_1"))
    other = start()
    pipeline = getattr(other, grown)
    pipeline.prompts = [*pipeline.prompts, pipeline.prompts[0]]
    with pytest.raises(ModelError, match=r"trained on other prompts.*start over with --anew"):
        other.load(str(tmp_path / "checkpoint_1"))


@in_trlx
def test_a_checkpoint_of_another_number_of_processes_is_refused(start, tmp_path):
    start().save(str(tmp_path / "checkpoint_1"))
    with pytest.raises(ModelError, match="written by 2 processes, and now there are 1"):
        start().load(str(changed(tmp_path / "checkpoint_1", processes=2)))


@in_trlx
def test_a_checkpoint_of_another_stage_of_zero_is_refused(start, tmp_path):
    start().save(str(tmp_path / "checkpoint_1"))
    with pytest.raises(ModelError, match="written under ZeRO stage 2, and now it is 0"):
        start().load(str(changed(tmp_path / "checkpoint_1", zero_stage=2)))


@in_trlx
def test_a_checkpoint_from_another_warm_start_is_refused(start, tmp_path):
    start().save(str(tmp_path / "checkpoint_1"))
    with pytest.raises(ModelError, match="another warm start"):
        start(prepare=shaken).load(str(tmp_path / "checkpoint_1"))


@in_trlx
@pytest.mark.parametrize("name", [MARKER, f"0.{MARKER}", "pytorch_model.bin", "optimizer.bin", "scheduler.bin"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
def test_a_damaged_checkpoint_is_a_model_error_with_the_remedy(start, tmp_path, name, damage):
    trainer, folder = start(reward=NoReward), tmp_path / "checkpoint_1"
    trainer.save(str(folder))
    content = (folder / name).read_bytes()
    (folder / name).unlink()
    if damage != "missing":
        (folder / name).write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    with pytest.raises(ModelError, match=r"not a checkpoint that can be read.*start over with --anew"):
        trainer.load(str(folder))


@in_trlx
@pytest.mark.parametrize("name", [MARKER, f"0.{MARKER}", "pytorch_model.bin", "optimizer.bin"])
def test_a_checkpoint_with_files_of_another_kind_is_a_model_error(start, tmp_path, name):
    trainer, folder = start(), tmp_path / "checkpoint_1"
    trainer.save(str(folder))
    torch.save({"of": "something else"}, folder / name)
    with pytest.raises(ModelError, match="not a checkpoint that can be read"):
        trainer.load(str(folder))


@in_trlx
def test_a_folder_that_is_not_there_is_no_checkpoint(start, tmp_path):
    with pytest.raises(ModelError, match="not a checkpoint"):
        start().load(str(tmp_path / "nowhere"))


@in_trlx
def test_a_reward_without_random_numbers_is_resumed_too(start, tmp_path):
    def length(samples, **kwargs):
        return [float(len(sample)) for sample in samples]

    whole = start(reward=lambda right: length)
    whole.learn()
    resumed = start(reward=lambda right: length)
    resumed.load(str(tmp_path / "checkpoints" / "checkpoint_4"))
    resumed.learn()
    assert equal(weights(resumed._policy), weights(whole._policy))
