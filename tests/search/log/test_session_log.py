"""The session log in SQLite, and in PostgreSQL if the marker `postgres` is selected."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import given, settings

from untilclick.search.errors import LogError
from untilclick.search.log.live_events import LiveTurn, Written
from untilclick.search.log.session_log import SessionLog
from untilclick.search.log.stats import SessionFigures
from untilclick.search.records import Click, Session, Turn

from tests.search.session_records import ALL, BERLIN, KYOTO, QUIET, log_turns, session_lists, typed


@pytest.fixture
def log(log_url):
    with SessionLog.open(log_url) as log:
        yield log


def test_sessions_come_back_as_they_were_in_order_of_time_then_id(log):
    assert log.append(ALL) == 3
    assert list(log.sessions()) == [KYOTO, QUIET, BERLIN]


def test_ids_sort_by_code_point_in_every_database(log):
    sessions = [replace(QUIET, session_id=name, turns=()) for name in ("b", "a", "B", "é", "_", "Z", "a-b", "ab")]
    log.append(sessions)
    names = [session.session_id for session in log.sessions(batch=3)]
    assert names == sorted(names)
    assert len(names) == 8


def test_pages_of_every_size_give_the_same_sessions(log):
    log.append(ALL)
    assert [list(log.sessions(batch=n)) for n in (1, 2, 3, 4)] == [[KYOTO, QUIET, BERLIN]] * 4


def test_sessions_can_be_chosen_by_source_and_by_id(log):
    log.append(ALL)
    assert list(log.sessions("simulated")) == [BERLIN]
    assert list(log.sessions(session_ids=["s-berlin", "s-kyoto", "unknown"])) == [KYOTO, BERLIN]
    assert list(log.sessions("live", session_ids=["s-berlin", "s-kyoto"], batch=1)) == [KYOTO]
    assert list(log.sessions(session_ids=[])) == []


def test_one_session_its_history_and_its_length(log):
    log.append(ALL)
    assert log.session("s-berlin") == BERLIN
    assert typed(log, "s-berlin") == ("berln wall", "berlin wall")
    assert log.n_turns("s-berlin") == 2
    assert (log.session("unknown"), log.past_queries("unknown"), log.n_turns("unknown")) == (None, (), 0)


def test_a_session_without_turns_is_kept(log):
    empty = Session("s0", "live", (), "c")
    log.append([empty])
    assert list(log.sessions()) == [empty]


def test_live_turns_and_clicks_make_the_same_session_as_bulk_writing(log):
    live = replace(BERLIN, source="live")
    for turn in live.turns:
        log_turns(log, "s-berlin", turn, client_id="client-1")
        assert log.append_events((), turn.clicks).new_clicks == len(turn.clicks)
    assert log.session("s-berlin") == live


def test_a_turn_or_click_delivered_again_changes_nothing(log):
    log.append(ALL)
    turn = BERLIN.turns[1]
    assert log.append_events([LiveTurn("s-berlin", turn, "client-1")], turn.clicks[:1]) == Written(0, 1, ())
    assert log.session("s-berlin") == BERLIN


def test_a_late_earlier_turn_moves_the_session_back_in_time(log):
    first, second = BERLIN.turns
    log_turns(log, "s", second)
    log_turns(log, "s", first)
    log.append([QUIET, replace(KYOTO, turns=(replace(KYOTO.turns[0], time=110.0),))])
    assert [session.session_id for session in log.sessions()] == ["s-quiet", "s", "s-kyoto"]
    assert typed(log, "s") == ("berln wall", "berlin wall")


def test_two_turns_with_the_same_step_are_both_kept(log):
    turn = QUIET.turns[0]
    log_turns(log, "s", turn)
    log_turns(log, "s", replace(turn, query_id="q5", query="again", time=51.0))
    assert typed(log, "s") == ("", "again")


def test_a_click_on_an_unknown_query_waits(log):
    click = Click("nowhere", "d1", 1, 5.0)
    assert log.append_events((), [click]) == Written(0, 0, (click,))


def test_a_session_that_is_logged_already_is_refused_and_its_batch_undone(log):
    log.append([KYOTO])
    with pytest.raises(LogError, match="already holds such a record"):
        log.append([BERLIN, KYOTO])
    assert list(log.sessions()) == [KYOTO]


def test_one_transaction_writes_all_or_nothing(log):
    many = [replace(QUIET, session_id=f"s{i}", turns=()) for i in range(1_200)]
    with pytest.raises(LogError):
        log.append([*many, many[0]], one_transaction=True)
    assert log.stats().sessions == 0
    assert list(log.sessions()) == []
    assert log.append(many, one_transaction=True) == 1_200


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (replace(QUIET.turns[0], query="a\x00b"), "NUL"),
        (replace(QUIET.turns[0], query="\ud800"), "surrogate"),
        (replace(QUIET.turns[0], time=float("nan")), "seconds since the epoch"),
        (replace(QUIET.turns[0], attributes={"p": float("inf")}), "finite"),
        (replace(QUIET.turns[0], attributes={"p": object()}), "attributes are text"),
        (replace(QUIET.turns[0], clicks=(Click("other", "d", 1, 1.0),)), "query_id of the turn"),
    ],
)
def test_what_could_not_come_back_is_refused(log, turn, message):
    with pytest.raises(LogError, match=message):
        log.append([replace(QUIET, turns=(turn,))])
    assert list(log.sessions()) == []


def test_figures_of_an_empty_log_are_none_not_zero(log):
    stats = log.stats()
    assert stats.total == SessionFigures(0, 0, 0, None, None, None)
    assert stats.by_rewriter_version == ()


def test_figures_in_total_and_by_rewriter_version(log):
    """Three sessions: clicked at the second query, clicked at once, abandoned."""
    log.append(ALL)
    stats = log.stats()
    assert stats.total == SessionFigures(3, 4, 3, pytest.approx(1 / 3), 1.5, pytest.approx(1 / 3))
    assert [(v.rewriter_version, v.figures) for v in stats.by_rewriter_version] == [
        (None, SessionFigures(2, 3, 2, 0.0, 2.0, 0.5)),
        ("v1", SessionFigures(1, 1, 1, 1.0, 1.0, 0.0)),
    ]
    assert log.stats("live").total == SessionFigures(2, 2, 1, 0.5, 1.0, 0.5)
    assert stats.mean_queries_until_click == 1.5


def test_threads_may_share_a_log(log):
    def visit(i):
        log_turns(log, f"s{i % 4}", Turn(f"q{i}", i // 4, f"query {i}", None, ("d",), (), float(i)))
        return log.append_events((), [Click(f"q{i}", "d", 1, i + 0.5)]).new_clicks

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(visit, range(40)))
    assert [session.abandoned for session in log.sessions()] == [False] * 4
    assert typed(log, "s1") == tuple(f"query {i}" for i in range(1, 40, 4))


def test_reading_goes_on_while_another_writes(log):
    log.append(ALL)
    reader = log.sessions(batch=1)
    assert next(reader) == KYOTO
    late = replace(BERLIN, session_id="later", turns=(replace(QUIET.turns[0], query_id="q9", time=500.0),))
    log.append([late])
    assert list(reader) == [QUIET, BERLIN, late]


_WRITER = """
import sys
from untilclick.search.log.live_events import LiveTurn
from untilclick.search.records import Turn
from untilclick.search.log.session_log import SessionLog
with SessionLog.open(sys.argv[1]) as log:
    for i in range(20):
        turn = Turn(f"{sys.argv[2]}-{i}", i, "q", None, (), (), float(i))
        log.append_events([LiveTurn(sys.argv[2], turn)], ())
"""


def test_processes_may_create_and_write_one_log_at_once(log_url):
    workers = [subprocess.Popen([sys.executable, "-c", _WRITER, log_url, f"s{i}"]) for i in range(3)]
    assert [worker.wait(60) for worker in workers] == [0] * 3
    with SessionLog.open(log_url) as log:
        assert [len(session.turns) for session in log.sessions()] == [20] * 3


@settings(max_examples=15, deadline=None)
@given(sessions=session_lists())
def test_any_sessions_come_back_as_they_were(tmp_path_factory, sessions):
    with SessionLog.open(str(tmp_path_factory.mktemp("log") / "log.db")) as log:
        log.append(sessions)
        expected = sorted(sessions, key=lambda s: (min(turn.time for turn in s.turns), s.session_id))
        assert list(log.sessions(batch=2)) == expected


def test_a_plain_path_and_its_url_are_the_same_log(tmp_path):
    path = tmp_path / "50% new" / "log.db"
    with SessionLog.open(str(path)) as log:
        log.append(ALL)
    with SessionLog.open(f"sqlite:///{path}", create=False) as log:
        assert log.stats().sessions == 3


def test_sqlite_logs_are_write_ahead_with_foreign_keys(tmp_path):
    with SessionLog.open(str(tmp_path / "log.db")) as log, log._engine.connect() as connection:
        pragma = {n: connection.exec_driver_sql(f"PRAGMA {n}").scalar() for n in ("journal_mode", "foreign_keys")}
        assert pragma == {"journal_mode": "wal", "foreign_keys": 1}
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1


def test_a_missing_log_is_not_made_when_only_reading(tmp_path):
    with pytest.raises(LogError, match=r"no session log at .*log\.db.*simulate"):
        SessionLog.open(str(tmp_path / "log.db"), create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, " * 100)
    with pytest.raises(LogError, match=r"notes\.txt: file is not a database\. Check that the file is a session log"):
        SessionLog.open(str(path))


def test_a_folder_is_named(tmp_path):
    with pytest.raises(LogError, match="is a folder"):
        SessionLog.open(str(tmp_path))


def test_tables_of_another_program_are_left_alone(tmp_path):
    path = tmp_path / "theirs.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE sessions (cookie TEXT)")
    connection.close()
    with pytest.raises(LogError, match="tables sessions of another program"):
        SessionLog.open(str(path))


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://host/db", "'mysql' databases cannot hold a session log"),
        ("sqlite://", "In-memory|in-memory"),
        (":memory:", "in-memory"),
        ("://", "not a database address"),
        ("postgresql://h:notaport/db", "not a database address"),
    ],
)
def test_an_address_that_cannot_be_used_is_explained(url, message):
    with pytest.raises(LogError, match=message):
        SessionLog.open(url)


def test_a_server_that_is_away_is_named_without_its_password():
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(LogError, match="Check that the server runs") as caught:
        SessionLog.open("postgresql+psycopg://me:secret@127.0.0.1:9/db?connect_timeout=2")
    assert "secret" not in str(caught.value)
    assert "127.0.0.1:9" in str(caught.value)


@pytest.mark.postgres
def test_a_postgres_log_survives_a_dropped_connection(postgres_server):
    with SessionLog.open(postgres_server.new_database("dropped")) as log:
        log.append([KYOTO])
        admin = sa.create_engine(postgres_server.url())
        with admin.connect() as connection:
            end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'dropped'"
            connection.execute(sa.text(end))
        admin.dispose()
        assert list(log.sessions()) == [KYOTO]
