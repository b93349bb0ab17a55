"""Our settings as a trlX configuration and back, and what cannot be."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import pytest

from rewriter.config import PPOConfig
from search.errors import UntilclickError
from tests.rewriter.toy_trlx import CONFIG

if find_spec("trlx") is None:
    pytest.skip("trlX is not installed; it comes from its repository", allow_module_level=True)

pytestmark = [pytest.mark.trlx, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def trlx_config():
    from rewriter.trlx_config import trlx_config

    return trlx_config


@pytest.fixture
def ppo_config():
    from rewriter.trlx_config import ppo_config

    return ppo_config


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
    settings = replace(CONFIG, **changes)
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
        trlx_config(replace(CONFIG, **changes), tmp_path, tmp_path)


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
