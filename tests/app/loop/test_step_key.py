"""Keys of steps: every change changes them, and the keys of version 0.1.0 are still recognised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from untilclick.app.loop.simulation import SimulationConfig
from untilclick.app.loop.step_key import step_key
from untilclick.rewriter.config import BaseConfig, PolicyConfig, WarmStartConfig
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.search.users.user import UserConfig


def test_a_key_depends_on_the_key_before_and_on_every_setting():
    keys = {
        step_key("a", "ppo", PPOConfig()),
        step_key("b", "ppo", PPOConfig()),
        step_key("a", "base", PPOConfig()),
        step_key("a", "ppo", PPOConfig(iterations=7)),
        step_key("a", "evaluation", EvaluateConfig()),
        step_key("a", "evaluation", EvaluateConfig(exact_titles=False)),
    }
    assert len(keys) == 6


def test_the_steps_of_a_demo_of_version_0_1_0_are_recognised():
    """A run that was stopped before an upgrade goes on after it: with other keys, hours of training would be thrown
    away. Users have new habits by default, so a run whose users had synonyms begins with new sessions."""
    users = UserConfig(misspellings="train", lay_share=0.0, describe_share=0.0, lay_part="train")
    key = step_key("documents", "0.1.0", ("tantivy", 0))
    assert step_key(key, "sessions", (SimulationConfig(user=users), ())) == "7f711a02c3ded483"
    steps = {
        "base": (PolicyConfig(), BaseConfig()),
        "warm_start": WarmStartConfig(),
        "ppo": PPOConfig(),
        "evaluation": replace(EvaluateConfig(more_baselines=False), split="test", out=Path()),
        "bundle": None,
    }
    key, keys = "153869b602f28912", {}  # of sessions with synonyms
    for name, settings in steps.items():
        key = keys[name] = step_key(key, name, settings)
    assert keys == {
        "base": "6568d4b34f7e7692",
        "warm_start": "1eafb2c4968740ae",
        "ppo": "1453457275645f25",
        "evaluation": "41b100238a16129b",
        "bundle": "63c29bca65041b43",
    }


def test_the_base_of_a_renewal_of_version_0_1_0_is_recognised():
    assert step_key("fp", "0.1.0 3", (PolicyConfig(), BaseConfig())) == "e5f203ee8429842a"


def test_the_key_of_a_configuration_in_groups_is_that_of_its_flat_form():
    settings = (PPOConfig(), OfflineConfig(), (PolicyConfig(), BaseConfig()))
    keys = [step_key("a", "ppo", config) for config in settings]
    assert keys == ["d6db169ce782f711", "da156edbdb4fb954", "e6617888aedd688a"]
