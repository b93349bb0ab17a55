"""Metrics on disk."""

from __future__ import annotations

import json

import pytest

from untilclick.rewriter.training.log import TrainingLog


def rows(folder) -> list[dict[str, float]]:
    return [json.loads(line, parse_constant=refuse) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def test_one_line_per_round_and_a_tensorboard_file(tmp_path):
    with TrainingLog(tmp_path / "log") as log:
        log.write(1, {"kl": 0.5})
        log.write(2, {"kl": 0.25, "validation": 1.0})
    assert rows(tmp_path / "log") == [{"step": 1, "kl": 0.5}, {"step": 2, "kl": 0.25, "validation": 1.0}]
    assert list((tmp_path / "log" / "tensorboard").glob("events.out.tfevents.*"))


def test_a_resumed_log_drops_rounds_after_the_checkpoint_and_a_torn_line(tmp_path):
    with TrainingLog(tmp_path) as log:
        for step in range(1, 6):
            log.write(step, {"kl": float(step)})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "kl"')
    with TrainingLog(tmp_path, resume_at=3) as log:
        log.write(4, {"kl": 40.0})
    assert [(row["step"], row["kl"]) for row in rows(tmp_path)] == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]


def test_a_resumed_log_is_replaced_as_a_whole_so_that_a_crash_loses_no_earlier_round(tmp_path, monkeypatch):
    with TrainingLog(tmp_path) as log:
        for step in range(1, 4):
            log.write(step, {"kl": float(step)})

    def crash(descriptor: int) -> None:
        raise OSError("the process ends before the new content is on disk")

    monkeypatch.setattr("os.fsync", crash)
    with pytest.raises(OSError, match="before the new content"):
        TrainingLog(tmp_path, resume_at=2)
    assert [row["step"] for row in rows(tmp_path)] == [1, 2, 3]
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_a_new_run_starts_an_empty_log(tmp_path):
    for _ in range(2):
        with TrainingLog(tmp_path) as log:
            log.write(1, {"kl": 0.0})
    assert len(rows(tmp_path)) == 1


def test_a_number_that_is_none_is_null_so_that_every_line_is_json(tmp_path):
    with TrainingLog(tmp_path) as log:
        log.write(1, {"explained_variance": float("nan"), "kl": 0.0})
    assert rows(tmp_path) == [{"step": 1, "explained_variance": None, "kl": 0.0}]
