"""Run and judgment files are read back by ir-measures with the same figures."""

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, nDCG

from untilclick.search.errors import DataError
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.measures.run_files import read_run, strictly_decreasing, write_qrels, write_run
from untilclick.search.records import ScoredDoc, Topic

TOPICS = [Topic("t1", "q", {"b": 2, "a": 1}), Topic("t2", "q", {"c": 1}), Topic("t3", "q", {"a": 1})]
RANKINGS = [
    [ScoredDoc("a", 7.25), ScoredDoc("b", 7.25), ScoredDoc("c", 7.25)],
    [ScoredDoc("b", 1.0), ScoredDoc("c", 0.5)],
    [],
]


def test_ir_measures_reads_our_files_and_gets_our_figures(tmp_path):
    write_qrels(tmp_path / "qrels.txt", TOPICS)
    write_run(tmp_path / "bm25.txt", "bm25", [t.topic_id for t in TOPICS], RANKINGS)
    qrels = list(ir_measures.read_trec_qrels(str(tmp_path / "qrels.txt")))
    run = list(ir_measures.read_trec_run(str(tmp_path / "bm25.txt")))
    ours = evaluate_rankings(TOPICS, RANKINGS)
    theirs = ir_measures.calc_aggregate([nDCG @ 10, RR @ 10, R @ 100], qrels, run)
    for measure, value in theirs.items():
        assert ours.mean(str(measure)) == pytest.approx(value)


def test_a_run_survives_writing_and_reading(tmp_path):
    path = tmp_path / "runs" / "rm3.txt"
    write_run(path, "rm3", [t.topic_id for t in TOPICS], RANKINGS)
    tag, rankings = read_run(path)
    assert tag == "rm3"
    assert set(rankings) == {"t1", "t2"}
    assert [d.doc_id for d in rankings["t1"]] == ["a", "b", "c"]
    assert rankings["t2"][0].score == pytest.approx(1.0)


def test_tied_scores_are_lowered_by_the_smallest_step_of_single_precision():
    scores = [d.score for d in strictly_decreasing([ScoredDoc("a", 2.0), ScoredDoc("b", 2.0), ScoredDoc("c", 1.0)])]
    assert scores == [2.0, float(np.nextafter(np.float32(2), np.float32(0))), 1.0]


@pytest.mark.parametrize(
    ("tag", "topic_id", "doc_id", "named"),
    [
        ("my run", "t", "d", "my run"),
        ("x", "a topic", "d", "a topic"),
        ("x", "t", "a doc", "a doc"),
        ("", "t", "d", "''"),
    ],
)
def test_ids_with_blanks_are_refused_by_name(tmp_path, tag, topic_id, doc_id, named):
    with pytest.raises(DataError, match=named):
        write_run(tmp_path / "run.txt", tag, [topic_id], [[ScoredDoc(doc_id, 1.0)]])


def test_judgments_with_a_blank_id_are_refused(tmp_path):
    with pytest.raises(DataError, match="a doc"):
        write_qrels(tmp_path / "qrels.txt", [Topic("t", "", {"a doc": 1})])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("t Q0 d 1 2.0\n", ":1: 5 columns"),
        ("t Q0 d 1 2.0 x\nt Q0 e two 2.0 x\n", ":2: rank 'two'"),
        ("t Q0 d 1 2.0 x\nt Q0 d 2 1.0 x\n", "lists a document twice"),
    ],
)
def test_broken_run_files_are_reported_with_file_and_line(tmp_path, text, problem):
    path = tmp_path / "run.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=problem):
        read_run(path)


def test_an_empty_run_file_has_no_topics(tmp_path):
    (tmp_path / "run.txt").write_text("")
    assert read_run(tmp_path / "run.txt") == ("", {})


def test_a_missing_run_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.txt"):
        read_run(tmp_path / "absent.txt")
