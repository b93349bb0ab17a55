"""Reads that cost a caller no more than its budget, and logs that are opened late."""

import threading

import pytest

from untilclick.app.event_log.bounded_reads import BoundedReads
from untilclick.app.event_log.event_log import FAILURES, EventLog
from untilclick.app.event_log.reconnecting_log import ReconnectingLog
from untilclick.app.event_log.spool_folder import Spool
from untilclick.app.observe.metrics import Metrics
from untilclick.search.errors import LogAwayError, LogError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Turn

from tests.app.stand_ins import ROOMY, wait_until
from tests.search.session_records import log_turns, typed


def test_a_read_gives_what_it_gives():
    reads = BoundedReads(1)
    assert [reads.read(lambda n=n: n, 60.0) for n in range(5)] == [0, 1, 2, 3, 4]
    with pytest.raises(ZeroDivisionError):
        reads.read(lambda: 1 / 0, 60.0)
    assert reads.read(lambda: "again", 60.0) == "again"


def test_without_a_thread_to_be_had_places_are_not_lost(monkeypatch):
    reads = BoundedReads(1)
    with monkeypatch.context() as patched:
        patched.setattr(
            threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("no more threads"))
        )
        for _ in range(3):
            with pytest.raises(LogAwayError, match="no more threads"):
                reads.read(lambda: 1, 60.0)
    assert reads.read(lambda: 1, 60.0) == 1


def test_a_read_over_its_budget_is_left_behind_and_its_place_comes_back():
    reads, released = BoundedReads(1), threading.Event()
    with pytest.raises(LogAwayError, match="longer than"):
        reads.read(lambda: released.wait(60), 0.01)
    with pytest.raises(LogAwayError, match="hang"):
        reads.read(lambda: "no place", 0.01)
    released.set()
    assert reads.read(lambda: "place", 60.0) == "place"


def test_a_log_that_hangs_costs_its_budget_a_few_times_and_memory_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("untilclick.app.event_log.event_log.PAUSE_S", 1000.0)
    released, asked = threading.Event(), []

    class Hanging(ReconnectingLog):
        def get(self):
            asked.append(threading.current_thread().name)
            released.wait(60)
            return super().get()

    log = Hanging(lambda: SessionLog.open(str(tmp_path / "log.db")))
    event_log = EventLog(log, Spool(tmp_path / "spool", 100_000), Metrics(), ROOMY)
    event_log._limits = type(ROOMY)(history_budget_ms=1.0, drain_s=60.0)
    assert event_log.turn("s", Turn("q", 0, "first", None, (), (), 1.0), None)
    for _ in range(10):
        assert event_log.history("s") == ("first",)
    wait_until(lambda: asked.count("log-read") == FAILURES)
    assert event_log.history("s") == ("first",)
    assert asked.count("log-read") == FAILURES, "after so many the log is not asked for a while"
    released.set()
    event_log.close()
    with SessionLog.open(str(tmp_path / "log.db")) as log:
        assert typed(log, "s") == ("first",)


def test_queries_of_other_processes_are_part_of_the_history(tmp_path):
    url = str(tmp_path / "log.db")
    event_log = EventLog(ReconnectingLog.at(url), Spool(tmp_path / "spool", 100_000), Metrics(), ROOMY)
    with SessionLog.open(url) as log:
        log_turns(log, "s", Turn("q0", 0, "elsewhere", None, (), (), 1.0))
    event_log.turn("s", Turn("q1", 1, "here", None, (), (), 2.0), None)
    assert event_log.history("s") == ("elsewhere", "here")
    event_log.close()


def test_a_server_that_is_away_at_the_start_is_opened_when_it_is_back(tmp_path, monkeypatch):
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    late = ReconnectingLog.at(f"postgresql+psycopg://nobody@/log?host={tmp_path}")
    with pytest.raises(LogAwayError, match="Check that the server runs"):
        late.get()
    late.close()


def test_an_address_or_file_that_is_wrong_stops_the_start(tmp_path):
    (tmp_path / "notes.txt").write_text("no database " * 100)
    for url in ("mysql://host/db", str(tmp_path / "notes.txt"), str(tmp_path)):
        with pytest.raises(LogError):
            ReconnectingLog.at(url)
