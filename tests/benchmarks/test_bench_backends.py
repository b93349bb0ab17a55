"""The comparison of both backends: reading finished trainings, and refusing folders of others."""

from __future__ import annotations

import json

import pytest

from benchmarks.bench_backends import check_origin, main, print_table, read

ORIGIN = {"data": "stdlib", "split": "test", "engine": "tantivy", "seed": 0}


@pytest.fixture
def folder(tmp_path):
    """A finished training whose comparison is warm start - PPO for one measure and PPO - warm start for the other."""
    training = tmp_path / "builtin-0"
    for part in ("ppo.log", "evaluation", "warm_start"):
        (training / part).mkdir(parents=True)
    rounds = [
        {"step": step, "reward_mean": 0.1 * step, "kl": kl, "rollout_seconds": 1.0, "update_seconds": 2.0}
        for step, kl in ((1, 0.0), (2, None), (3, 0.4))
    ]
    (training / "ppo.log" / "metrics.jsonl").write_text("\n".join(map(json.dumps, rounds)), encoding="utf-8")
    pair = {"difference": -0.02, "ci95": [-0.05, 0.01], "p": 0.3}
    comparisons = [
        {"a": "ppo", "b": "bm25", "measure": "RR@10", "difference": 0.2, "ci95": [0.1, 0.3], "p": 0.0},
        {"a": "warm_start", "b": "ppo", "measure": "RR@10", **pair},
        {"a": "ppo", "b": "warm_start", "measure": "nDCG@10", **pair},
    ]
    systems = {"ppo": {"RR@10": 0.52, "nDCG@10": 0.4}, "warm_start": {"RR@10": 0.5, "nDCG@10": 0.42}}
    results = {**ORIGIN, "systems": systems, "comparisons": comparisons}
    (training / "evaluation" / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (training / "warm_start" / "model.safetensors").write_bytes(b"weights")
    return training


def test_the_difference_is_ppo_less_warm_start_in_whichever_order_the_pair_was_written(folder):
    reversed_pair, pair = (read(folder, "builtin", 0, measure) for measure in ("RR@10", "nDCG@10"))
    assert reversed_pair.difference == 0.02
    assert reversed_pair.interval == (-0.01, 0.05)
    assert (reversed_pair.warm_start, reversed_pair.ppo) == (0.5, 0.52)
    assert pair.difference == -0.02
    assert pair.interval == (-0.05, 0.01)


def test_curves_leave_out_rounds_that_were_skipped_and_seconds_add_up(folder):
    training = read(folder, "builtin", 0, "RR@10")
    assert training.reward == pytest.approx((0.1, 0.2, 0.3))
    assert training.kl == (0.0, 0.4)
    assert training.seconds == 9.0


def test_the_table_has_a_line_for_each_training_and_each_backend(folder, capsys):
    print_table([read(folder, "builtin", 0, "RR@10"), read(folder, "trlx", 0, "RR@10")])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 5
    assert lines[1].split()[:3] == ["built-in", "0", "9"]
    assert "+0.0200 [-0.0100, +0.0500]" in lines[1]


@pytest.mark.parametrize(("name", "value"), [("data", "other"), ("split", "dev"), ("seed", 1)])
def test_a_training_on_other_data_is_refused(folder, name, value):
    """Results of one collection were once printed under the name of another collection."""
    with pytest.raises(SystemExit, match=name):
        check_origin(folder, folder, {**ORIGIN, name: value})
    check_origin(folder, folder, ORIGIN)


def test_a_training_from_another_warm_start_is_refused(folder, tmp_path):
    other = tmp_path / "run" / "warm_start"
    other.mkdir(parents=True)
    (other / "model.safetensors").write_bytes(b"others!")
    with pytest.raises(SystemExit, match="another warm start"):
        check_origin(folder, tmp_path / "run", ORIGIN)


def test_without_runs_a_sentence_names_the_missing_option(capsys):
    main([])
    assert "--runs" in capsys.readouterr().out
