"""The files of an evaluation: what is written is read again, and a broken file is named with its place."""

import dataclasses
import json

import pytest

from untilclick.rewriter.evaluation.results import (
    Results,
    SessionResults,
    SystemFigures,
    TopicOutcome,
    TopicRow,
    read_results,
    write_results,
)
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.search.errors import DataError
from untilclick.search.log.stats import SessionFigures

GAIN = Comparison("ppo", "bm25", "nDCG@10", 0.1, (0.0, 0.2), 0.02, 3, 1, 0.25, 4)
ROW = TopicRow(
    "t1",
    "need \u2028 with a line separator",
    "typed",
    {
        "bm25": TopicOutcome({"nDCG@10": 0.0}, (), ()),
        "ppo": TopicOutcome({"nDCG@10": 1.0}, ("Title",), (True,), "typed more", (("more", 0.5),), True, "applied"),
    },
)
FIGURES = {
    "bm25": SystemFigures({"nDCG@10": 0.0}, n_empty=1),
    "ppo": SystemFigures({"nDCG@10": 1.0}, 0, 1, 0.5, 0.25),
}
SESSIONS = SessionResults(
    1, {"bm25": SessionFigures(2, 3, 0, 0.0, None, 1.0)}, (GAIN,), {"bm25": (0, 0, 2), "ppo": (2, 0, 0)}
)
RESULTS = Results("toy", "dev", "toy", 7, 1, "0.1.0", FIGURES, (GAIN,), (ROW,), SESSIONS, {"seed": "7"})


@pytest.mark.parametrize(
    "results",
    [RESULTS, dataclasses.replace(RESULTS, sessions=None, settings=None, topics=(), comparisons=())],
    ids=["full", "bare"],
)
def test_what_is_written_is_read_again(tmp_path, results):
    assert read_results(write_results(tmp_path, results).parent) == results


def test_keys_of_a_later_version_are_passed_over(tmp_path):
    path = write_results(tmp_path, RESULTS)
    path.write_text(json.dumps({**json.loads(path.read_text()), "later": 1}))
    assert read_results(tmp_path) == RESULTS


def test_a_folder_that_cannot_be_written_leaves_the_results_before_as_they_were(tmp_path, monkeypatch):
    write_results(tmp_path, RESULTS)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_results(tmp_path, dataclasses.replace(RESULTS, seed=8, topics=()))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_missing_or_broken_results_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"results\.json: cannot be read"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text("{}")
    (tmp_path / "per_topic.jsonl").write_text("")
    with pytest.raises(DataError, match="is not a result file"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"seed": "seven"}, "seed: Input should be a valid integer"),
        ({"seconds": {}}, "is not a result file \\('bm25'\\)"),
        ({"comparisons": [{"a": "ppo"}]}, r"comparisons\.0\.b: Field required"),
    ],
)
def test_a_value_that_does_not_fit_is_named(tmp_path, change, problem):
    path = write_results(tmp_path, RESULTS)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match=problem):
        read_results(tmp_path)


def test_a_broken_topic_is_named_with_its_line(tmp_path):
    write_results(tmp_path, RESULTS)
    path = tmp_path / "per_topic.jsonl"
    path.write_text(path.read_text() + '{"topic_id": "t2"}\n')
    with pytest.raises(
        DataError, match=r"per_topic\.jsonl:2: is not a topic of an evaluation \(need: Field required"
    ):
        read_results(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match=r"per_topic\.jsonl: cannot be read"):
        read_results(tmp_path)
