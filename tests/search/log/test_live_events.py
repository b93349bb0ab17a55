"""Batches of live events in SQLite, and in PostgreSQL if the marker `postgres` is selected."""

from __future__ import annotations

import random
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from untilclick.search.errors import LogRecordError
from untilclick.search.log.live_events import LiveTurn, Written
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Turn


@pytest.fixture
def log(log_url):
    with SessionLog.open(log_url, durable=True) as log:
        yield log


def live(query_id, session_id="s", step=0, time=1.0, client_id=None):
    return LiveTurn(session_id, Turn(query_id, step, f"text of {query_id}", None, ("d1", "d2"), (), time), client_id)


def steps(log, session_id="s"):
    return [(turn.query_id, turn.step) for turn in log.session(session_id).turns]


def test_a_batch_is_logged_once_however_often_it_is_delivered(log):
    turns = [live("q2", step=1, time=5.0, client_id="c"), live("q1", time=4.0), live("q3", "other")]
    clicks = [Click("q1", "d2", 2, 6.0), Click("q1", "d1", 1, 5.5)]
    assert log.append_events(turns, clicks) == Written(2, 0, ())
    before = list(log.sessions())
    assert log.append_events(turns, clicks) == Written(0, 2, ())
    assert list(log.sessions()) == before
    session = log.session("s")
    assert (session.source, session.client_id) == ("live", "c")
    assert steps(log) == [("q1", 0), ("q2", 1)]
    assert [click.doc_id for click in session.turns[0].clicks] == ["d1", "d2"]


def test_a_click_twice_in_one_batch_is_one(log):
    click = Click("q1", "d1", 1, 5.0)
    assert log.append_events([live("q1")], [click, replace(click, time=7.0)]) == Written(1, 1, ())
    assert log.session("s").turns[0].clicks == (click,)


def test_clicks_are_inserted_in_the_order_of_their_ids_and_counted_in_that_of_time(log, monkeypatch):
    """Two processes that write the same clicks never wait for each other in a circle."""
    inserted = []
    execute = sa.Connection.execute

    def watched(connection, statement, parameters=None, **options):
        if isinstance(parameters, list) and "position" in parameters[0]:
            inserted.append([(row["query_id"], row["doc_id"], row["position"]) for row in parameters])
        return execute(connection, statement, parameters, **options)

    monkeypatch.setattr(sa.Connection, "execute", watched)
    log.append_events([live("q1")], [Click("q1", "d2", 2, 5.0), Click("q1", "d1", 1, 6.0)])
    assert inserted == [[("q1", "d1", 1), ("q1", "d2", 0)]]


def test_what_is_too_long_for_the_database_is_a_fault_of_the_record_not_of_the_server(log, log_url):
    """Without this, a click on a document with a long id was tried again for ever, and held up all later events."""
    long = "".join(random.Random(0).choices(string.ascii_letters + string.digits, k=5000))
    log.append_events([live("q1")], [])
    click = Click("q1", long, 1, 5.0)
    if log_url.startswith("sqlite"):
        assert log.append_events([], [click]).new_clicks == 1
        return
    with pytest.raises(LogRecordError, match="too long for the database"):
        log.append_events([], [click])


def test_clicks_before_their_turn_are_given_back(log):
    early, good = Click("q9", "d1", 1, 5.0), Click("q1", "d1", 1, 5.0)
    assert log.append_events([live("q1")], [early, good]) == Written(1, 0, (early,))
    assert log.append_events([live("q9", "later")], [early]) == Written(1, 0, ())


def test_steps_that_two_processes_gave_twice_are_counted_anew_by_time(log):
    log.append_events([live("q1", time=1.0), live("q3", step=1, time=3.0)], ())
    log.append_events([live("q2", step=1, time=2.0)], ())
    assert steps(log) == [("q1", 0), ("q2", 1), ("q3", 2)]
    assert [each.query_id for each in log.past_queries("s")] == ["q1", "q2", "q3"]


def test_steps_that_leave_one_out_are_counted_anew(log):
    log.append_events([live("q5", step=4, time=5.0), live("q6", step=5, time=6.0)], ())
    assert steps(log) == [("q5", 0), ("q6", 1)]


def test_steps_in_order_stay_although_a_clock_went_back(log):
    log.append_events([live("q1", step=0, time=9.0), live("q2", step=1, time=8.0)], ())
    assert steps(log) == [("q1", 0), ("q2", 1)]


def test_what_can_never_be_logged_undoes_its_batch(log):
    bad = live("q2", "other")
    bad = replace(bad, turn=replace(bad.turn, query="a\x00b"))
    with pytest.raises(LogRecordError, match="NUL"):
        log.append_events([live("q1"), bad], ())
    assert list(log.sessions()) == []


def test_nothing_is_nothing(log):
    assert log.append_events((), ()) == Written(0, 0, ())


def test_writers_at_once_neither_lose_nor_double(log, log_url):
    """Four writers deliver the same sessions in batches of different order, each event twice."""
    turns = [live(f"q{i:03d}", f"s{i % 7}", i // 7, float(i)) for i in range(140)]
    clicks = [Click(turn.turn.query_id, "d1", 1, 1000.0 + i) for i, turn in enumerate(turns)]

    def deliver(part):
        with SessionLog.open(log_url) as connected:
            for start in range(0, len(part), 9):
                batch = part[start : start + 9]
                numbers = {turn.turn.query_id for turn in batch}
                connected.append_events(batch[::-1], [click for click in clicks if click.query_id in numbers])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, [turns[::2], turns[1::2], turns[::-3], turns]))
    sessions = list(log.sessions())
    assert sum(len(session.turns) for session in sessions) == 140
    assert all([turn.step for turn in session.turns] == list(range(20)) for session in sessions)
    assert sum(len(session.clicked) for session in sessions) == 140


def test_durable_logs_sync_every_transaction(tmp_path):
    with SessionLog.open(str(tmp_path / "log.db"), durable=True) as log, log._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
