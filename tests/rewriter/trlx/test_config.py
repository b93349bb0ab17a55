"""PPO settings as a trlX configuration and back, and options that are refused."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.search.errors import UntilclickError

from tests.rewriter.toy_trlx import CONFIG

if find_spec("trlx") is None:
    pytest.skip("trlX is not installed; it comes from its repository", allow_module_level=True)

pytestmark = [pytest.mark.trlx, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"minibatches": 2, "micro_batches": 2, "epochs": 3, "kl_target": 0.1, "iterations": 7},
        {"prompts_per_iteration": 32, "minibatches": 3},
        {"prompts_per_iteration": 32, "minibatches": 5, "micro_batches": 7},
        {"prompts_per_iteration": 33, "minibatches": 4, "micro_batches": 3},
        {"samples_per_prompt": 1, "center_groups": False, "patience": 2, "validate_every": 7, "checkpoint_every": 5},
    ],
)
def test_our_settings_survive_the_way_through_a_trlx_configuration(trlx_config, ppo_config, tmp_path, changes):
    settings = changed(CONFIG, **changes)
    assert ppo_config(trlx_config(settings, tmp_path, tmp_path)) == settings


def test_the_defaults_survive_the_way_through_a_trlx_configuration(trlx_config, ppo_config, tmp_path):
    assert ppo_config(trlx_config(PPOConfig(), tmp_path, tmp_path)) == PPOConfig()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"prompts_per_iteration": 32, "minibatches": 9}, "minibatches is 9, ppo.prompts_per_iteration 32"),
        ({"prompts_per_iteration": 8, "minibatches": 9}, "minibatches is 9, ppo.prompts_per_iteration 8"),
        (
            {"prompts_per_iteration": 32, "minibatches": 3, "micro_batches": 2},
            "micro_batches is 2, and a step has 11 prompts",
        ),
    ],
)
def test_sizes_that_trlx_cannot_express_are_refused_with_both_numbers(trlx_config, tmp_path, changes, problem):
    with pytest.raises(UntilclickError, match=problem):
        trlx_config(changed(CONFIG, **changes), tmp_path, tmp_path)


@pytest.mark.parametrize(
    ("section", "changes", "problem"),
    [
        ("method", {"scale_reward": "ref"}, "scale_reward is 'ref'"),
        ("method", {"gen_kwargs": {"max_new_tokens": 0, "top_k": 5}}, "gen_kwargs is .*no such option"),
        ("method", {"gen_kwargs": {"max_new_tokens": 40}}, "gen_kwargs is .*no such option"),
        ("method", {"num_rollouts": 48}, "num_rollouts is 48: give a multiple of method.chunk_size, which is 32"),
        ("method", {"samples_per_prompt": 0}, "samples_per_prompt is 0; give 1 or more"),
        ("method", {"samples_per_prompt": 1}, "samples_per_prompt is 1: ppo.center_groups compares the samples"),
        ("train", {"batch_size": 30}, "batch_size is 30: give a multiple of method.samples_per_prompt, which is 4"),
        ("train", {"batch_size": 64}, "batch_size is 64, method.chunk_size 32"),
        ("train", {"minibatch_size": 12}, "batch_size is 32: give a multiple of train.minibatch_size, which is 12"),
        ("train", {"minibatch_size": 2}, "minibatch_size is 2: give a multiple of method.samples_per_prompt"),
        ("train", {"eval_interval": 0}, "train.eval_interval is 0; give 1 or more"),
        ("train", {"checkpoint_interval": 0}, "train.checkpoint_interval is 0; give 1 or more"),
        ("train", {"total_steps": 0}, "train.total_steps is 0; give 1 or more"),
        ("train", {"seq_length": 0}, "train.seq_length is 0; give 1 or more"),
        ("train", {"total_steps": "many"}, "train.total_steps is many; give 1 or more"),
        ("train", {"trainer": "AcceleratePPOTrainer"}, "train.trainer is 'AcceleratePPOTrainer'.*RewriterPPOTrainer"),
        ("train", {"pipeline": "PromptPipeline"}, "train.pipeline is 'PromptPipeline'.*RewriterPromptPipeline"),
        ("train", {"tracker": "comet"}, "train.tracker is 'comet'; give null, tensorboard or wandb"),
    ],
)
def test_options_that_this_trainer_lacks_and_sizes_that_do_not_fit_are_refused(
    trlx_config, ppo_config, tmp_path, section, changes, problem
):
    config = trlx_config(CONFIG, tmp_path, tmp_path)
    for name, value in changes.items():
        setattr(getattr(config, section), name, value)
    with pytest.raises(UntilclickError, match=problem):
        ppo_config(config)


def test_names_of_trainer_and_pipeline_are_read_as_trlx_reads_them(trlx_config, ppo_config, tmp_path):
    config = trlx_config(CONFIG, tmp_path, tmp_path)
    config.train.trainer, config.train.pipeline = "rewriterppotrainer", "REWRITERPROMPTPIPELINE"
    assert ppo_config(config) == CONFIG


def test_a_registered_trainer_made_from_ours_is_taken(trlx_config, ppo_config, tmp_path):
    from trlx.trainer import register_trainer

    from untilclick.rewriter.trlx.trainer import RewriterPPOTrainer

    kind = register_trainer(type("TrainerOfOurOwn", (RewriterPPOTrainer,), {}))
    config = trlx_config(CONFIG, tmp_path, tmp_path)
    config.train.trainer = kind.__name__
    assert ppo_config(config) == CONFIG


def test_trackers_write_beside_the_checkpoints_not_among_them(trlx_config, tmp_path):
    written = {
        name: trlx_config(CONFIG, tmp_path, tmp_path / name).train.logging_dir for name in ("ppo.trlx", "v1.2")
    }
    assert written == {"ppo.trlx": str(tmp_path / "ppo.log"), "v1.2": str(tmp_path / "v1.2.log")}


def test_options_of_a_file_and_of_a_program_compare(trlx_config, tmp_path):
    from untilclick.rewriter.trlx.config import course_options

    first, second = (trlx_config(CONFIG, tmp_path, tmp_path) for _ in range(2))
    first.optimizer.kwargs["betas"], second.optimizer.kwargs["betas"] = (0.9, 0.99), [0.9, 0.99]
    assert course_options(first) == course_options(second)
    second.scheduler.kwargs["total_iters"] = 3
    assert course_options(first) != course_options(second)
