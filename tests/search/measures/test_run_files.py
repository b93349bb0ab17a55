"""Run and judgment files are read back by ir-measures with the same figures."""

import ir_measures
import numpy as np
import pytest
from ir_measures import RR, R, nDCG

from untilclick.search.errors import DataError
from untilclick.search.measures.metrics import evaluate_rankings
from untilclick.search.measures.run_files import strictly_decreasing, write_qrels, write_run
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
    measures = evaluate_rankings(TOPICS, RANKINGS)
    reference = ir_measures.calc_aggregate([nDCG @ 10, RR @ 10, R @ 100], qrels, run)
    for measure, value in reference.items():
        assert measures.mean(str(measure)) == pytest.approx(value)


def test_a_run_file_has_six_columns_and_keeps_the_order_of_tied_documents(tmp_path):
    path = tmp_path / "runs" / "rm3.txt"
    write_run(path, "rm3", [t.topic_id for t in TOPICS], RANKINGS)
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row[:4] for row in rows] == [
        ["t1", "Q0", "a", "1"],
        ["t1", "Q0", "b", "2"],
        ["t1", "Q0", "c", "3"],
        ["t2", "Q0", "b", "1"],
        ["t2", "Q0", "c", "2"],
    ]
    assert {row[5] for row in rows} == {"rm3"}
    by_score = sorted(ir_measures.read_trec_run(str(path)), key=lambda line: (line.query_id, -line.score))
    assert [line.doc_id for line in by_score] == ["a", "b", "c", "b", "c"]
    assert by_score[3].score == pytest.approx(1.0)


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


def test_a_refused_run_leaves_the_older_file_as_it_was(tmp_path):
    path = tmp_path / "run.txt"
    write_run(path, "bm25", ["t"], [[ScoredDoc("d", 1.0)]])
    before = path.read_bytes()
    with pytest.raises(DataError, match="a doc"):
        write_run(path, "bm25", ["t"], [[ScoredDoc("d", 2.0), ScoredDoc("a doc", 1.0)]])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["run.txt"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "runs").write_text("a file, no folder")
    with pytest.raises(DataError, match=r"runs/run\.txt"):
        write_run(tmp_path / "runs" / "run.txt", "bm25", ["t"], [[ScoredDoc("d", 1.0)]])
