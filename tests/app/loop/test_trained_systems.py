"""What `evaluate` finds in a run folder or in one stage's."""

from __future__ import annotations

import pytest

from untilclick.app.loop.trained_systems import TrainedSystems
from untilclick.rewriter.language.language import TermLanguage
from untilclick.rewriter.policy.models import TermModel
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.stages.record import StageOutcome, write_stage
from untilclick.rewriter.training.validation import BlendChoice
from untilclick.search.errors import ModelError

from tests.rewriter.toy_learning import toy_opened, toy_policy


def written(run, *stages: str) -> None:
    opened = toy_opened()
    for stage in stages:
        outcome = StageOutcome(PPOConfig(), BlendChoice(BlendSettings(), 0.0, 0.0), {})
        policy, vocabulary = toy_policy(opened)
        write_stage(opened, run / stage, TermModel(policy, TermLanguage(vocabulary)), outcome)


def test_the_curves_of_ppo_are_found_from_the_run_and_from_the_stage_alone(tmp_path):
    """`evaluate --model RUN/ppo` drew none."""
    written(tmp_path, "warm_start", "ppo")
    expected = tmp_path / "ppo.log" / "metrics.jsonl"
    assert TrainedSystems.of(tmp_path).metrics == expected
    assert TrainedSystems.of(tmp_path / "ppo").metrics == expected
    assert TrainedSystems.of(tmp_path / "warm_start").metrics is None
    assert set(TrainedSystems.of(tmp_path).folders) == {"warm_start", "ppo"}


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match="holds no trained model"):
        TrainedSystems.of(tmp_path)
