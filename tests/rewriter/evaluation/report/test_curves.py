"""Curves of a training run, and the weights that it kept."""

import dataclasses
import json

import pytest

from untilclick.rewriter.evaluation.report.curves import read_curves, read_training
from untilclick.rewriter.evaluation.report.plots import training_curves
from untilclick.rewriter.serving.blend import COLD_START
from untilclick.rewriter.stages.record import StageRecord
from untilclick.search.errors import DataError


def test_curves_are_read_in_order_and_unknown_keys_left_out(metrics):
    curves = read_curves(metrics)
    assert [curve.title for curve in curves] == [
        "Reward: gain over the original", "Validation nDCG@10", "KL to the reference (nats)",
    ]  # fmt: skip
    assert curves[0].values.shape == (30,)
    assert curves[1].sparse
    assert curves[1].steps.tolist() == [10]


@pytest.mark.parametrize(
    ("best_round", "corrections", "kept_weights", "dashed"),
    [
        (
            25.0,
            True,
            "The weights of round 25, the best by validation, were kept.",
            "with its misspelt words corrected",
        ),
        (
            0.0,
            False,
            "The weights of the warm start were kept: no round was better by validation.",
            "the query as typed",
        ),
    ],
)
def test_the_record_beside_the_metrics_says_which_round_was_kept_and_what_is_gained_on(
    tmp_path, metrics, best_round, corrections, kept_weights, dashed
):
    run = tmp_path / "run"
    (run / "ppo.log").mkdir(parents=True)
    (run / "ppo").mkdir()
    path = metrics.rename(run / "ppo.log" / "metrics.jsonl")
    assert read_training(path).kept_weights == ""
    figures = {"best_round": best_round, "validation_ndcg_original": 0.04}
    blend = dataclasses.asdict(dataclasses.replace(COLD_START, corrections=corrections))
    record = StageRecord("ppo", {}, "toy", "abc", "toy", blend, figures, "0.1.0")
    (run / "ppo" / "stage.json").write_text(json.dumps(dataclasses.asdict(record)))
    training = read_training(path)
    assert [curve.level for curve in training.curves] == [None, 0.04, None]
    assert training.kept_weights.startswith(kept_weights)
    assert dashed in training.kept_weights
    assert "stroke-dasharray" in training_curves(training.curves)


def test_a_cut_off_last_line_is_passed_over_and_a_broken_one_before_it_is_named(metrics, caplog):
    whole = metrics.read_text()
    metrics.write_text(whole + '{"step": 31, "rew')
    assert read_curves(metrics)[0].values.shape == (30,)
    assert "cut off" in caplog.text
    metrics.write_text("nonsense\n" + whole)
    with pytest.raises(DataError, match=r"metrics\.jsonl:1: is not a round"):
        read_curves(metrics)
    with pytest.raises(DataError, match="cannot be read"):
        read_curves(metrics.parent / "absent.jsonl")
