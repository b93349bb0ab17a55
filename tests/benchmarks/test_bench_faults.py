"""The audit of a log against what was answered sees what is lost, doubled and out of order."""

from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn

from benchmarks.bench_faults import Outcome, report
from benchmarks.fault_rig import Audit, Notes, audit


def fill(path, *turns):
    with SessionLog.open(str(path)) as log:
        log.append([Session("s", "live", turns)])


def turn(query_id, query, step=0, clicked=()):
    clicks = tuple(Click(query_id, doc_id, rank, 9.0) for doc_id, rank in clicked)
    return Turn(query_id, step, query, None, ("a", "b"), clicks, float(step))


def test_a_whole_log_has_no_faults(tmp_path):
    fill(tmp_path / "log.db", turn("q1", "one", 0, [("b", 2)]), turn("q2", "two", 1))
    notes = Notes(turns={"one": "q1"}, clicks={("q1", "b", 2)})
    assert audit(str(tmp_path / "log.db"), notes) == Audit(1, 1, 3, lost=0, doubled=0, unasked=0, wrong_steps=0)


def test_what_is_lost_doubled_or_out_of_order_is_counted(tmp_path):
    turns = [turn("q1", "one"), turn("q2", "one", 2), turn("q3", "three", 3, [("c", 1)])]
    fill(tmp_path / "log.db", *turns)
    notes = Notes(turns={"three": "q3", "four": "q4"}, clicks={("q3", "a", 1), ("q3", "c", 1)})
    assert audit(str(tmp_path / "log.db"), notes) == Audit(2, 2, 4, lost=2, doubled=1, unasked=1, wrong_steps=1)


def test_an_outcome_is_printed(capsys):
    notes = Notes(n_sent=7, ms={"up": [1.0, 3.0], "cut": []})
    report(Outcome(3, 1, Audit(4, 2, 6, 0, 0, 0, 0), 0, 0, notes))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[:3]] == [["kills", "3"], ["cuts", "1"], ["requests", "sent", "7"]]
    assert "p50     2.0 ms" in lines[-1]
