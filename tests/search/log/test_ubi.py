"""User Behavior Insights files, and the package's own JSON lines."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from untilclick.search.errors import DataError, LogError
from untilclick.search.log.session_jsonl import export_jsonl, import_jsonl
from untilclick.search.log.session_log import SessionLog
from untilclick.search.log.ubi import EVENTS_FILE, QUERIES_FILE, UbiCounts, export_ubi, import_ubi
from untilclick.search.log.ubi_sessions import UbiTurn, split_by_need
from untilclick.search.records import Click, Session, Turn

from tests.search.session_records import ALL, BERLIN, KYOTO, QUIET, session_lists, typed

NOON = "2025-02-26T12:00:00Z"


@pytest.fixture
def log(tmp_path):
    with SessionLog.open(str(tmp_path / "log.db")) as log:
        yield log


@pytest.fixture
def other(tmp_path):
    with SessionLog.open(str(tmp_path / "other.db")) as log:
        yield log


def _write(folder, queries, events=()):
    folder.mkdir(exist_ok=True)
    (folder / QUERIES_FILE).write_text("".join(json.dumps(query) + "\n" for query in queries))
    (folder / EVENTS_FILE).write_text("".join(json.dumps(event) + "\n" for event in events))
    return folder


def _click(query_id, object_id="d1", ordinal=1, timestamp=NOON, **more):
    attributes = {"object": {"object_id": object_id}, "position": {"ordinal": ordinal}}
    return {
        "action_name": "click",
        "timestamp": timestamp,
        "query_id": query_id,
        "event_attributes": attributes,
        **more,
    }


def test_a_turn_is_a_query_record_and_a_click_an_event_record(log, tmp_path):
    log.append([BERLIN])
    assert export_ubi(log, tmp_path / "ubi") == UbiCounts(sessions=1, queries=2, clicks=2)
    second = json.loads((tmp_path / "ubi" / QUERIES_FILE).read_text().splitlines()[1])
    assert second == {
        "application": "untilclick",
        "query_id": "q2",
        "client_id": "client-1",
        "user_query": "berlin wall",
        "timestamp": "1970-01-01T00:02:10.000Z",
        "query_response_hit_ids": ["d3", "d1"],
        "query_attributes": {
            "rewriter_version": "v2",
            "reason": "applied",
            "applied": True,
            "note": None,
            "n": 3,
            "untilclick": {
                "session_id": "s-berlin",
                "step": 1,
                "source": "simulated",
                "time": 130.0,
                "rewritten_query": "berlin wall 1989 grenze",
            },
        },
    }
    first_click = json.loads((tmp_path / "ubi" / EVENTS_FILE).read_text().splitlines()[0])
    assert first_click == {
        "application": "untilclick",
        "action_name": "click",
        "query_id": "q2",
        "session_id": "s-berlin",
        "client_id": "client-1",
        "timestamp": "1970-01-01T00:02:11.500Z",
        "user_query": "berlin wall",
        "event_attributes": {"object": {"object_id": "d1"}, "position": {"ordinal": 2}, "time": 131.5},
    }


def test_export_then_import_gives_the_same_log(log, other, tmp_path):
    log.append(ALL)
    written = export_ubi(log, tmp_path / "ubi")
    assert import_ubi(tmp_path / "ubi", other) == written == UbiCounts(3, 4, 3)
    assert list(other.sessions()) == list(log.sessions())


@settings(max_examples=10, deadline=None)
@given(sessions=session_lists())
def test_any_sessions_survive_both_formats(tmp_path_factory, sessions):
    folder = tmp_path_factory.mktemp("round")
    with (
        SessionLog.open(str(folder / "a.db")) as log,
        SessionLog.open(str(folder / "b.db")) as by_ubi,
        SessionLog.open(str(folder / "c.db")) as by_jsonl,
    ):
        log.append(sessions)
        export_ubi(log, folder)
        import_ubi(folder, by_ubi)
        export_jsonl(log, folder / "log.jsonl")
        import_jsonl(folder / "log.jsonl", by_jsonl)
        assert list(by_ubi.sessions()) == list(log.sessions()) == list(by_jsonl.sessions())


def test_an_export_of_one_source_leaves_the_other_out(log, other, tmp_path):
    log.append(ALL)
    export_ubi(log, tmp_path / "ubi", "live")
    import_ubi(tmp_path / "ubi", other)
    assert list(other.sessions()) == [KYOTO, QUIET]


def test_an_empty_log_exports_empty_files_that_import_as_nothing(log, other, tmp_path):
    assert export_ubi(log, tmp_path / "ubi") == UbiCounts(0, 0, 0)
    assert import_ubi(tmp_path / "ubi", other) == UbiCounts(0, 0, 0)
    assert export_jsonl(log, tmp_path / "log.jsonl") == 0
    assert import_jsonl(tmp_path / "log.jsonl", other) == 0


def test_what_ubi_cannot_hold_stops_the_export_and_leaves_no_file(log, tmp_path):
    log.append([replace(BERLIN, session_id="s" * 101)])
    with pytest.raises(DataError, match=r"Query 'q2' .*session_id: .*at most 100.*Export it as jsonl"):
        export_ubi(log, tmp_path / "ubi")
    assert list((tmp_path / "ubi").iterdir()) == []
    assert export_jsonl(log, tmp_path / "log.jsonl") == 1


@pytest.mark.parametrize(
    ("turn", "message"),
    [
        (replace(QUIET.turns[0], attributes={"untilclick": 1}), "attribute 'untilclick'"),
        (replace(QUIET.turns[0], time=1e12), "timestamp: year"),
    ],
)
def test_a_turn_that_ubi_cannot_hold_is_named(log, tmp_path, turn, message):
    log.append([replace(QUIET, turns=(turn,))])
    with pytest.raises(DataError, match=message):
        export_ubi(log, tmp_path / "ubi")


def test_an_older_export_is_replaced_whole(log, tmp_path):
    _write(tmp_path / "ubi", [{"user_query": "old"}] * 50)
    log.append([KYOTO])
    export_ubi(log, tmp_path / "ubi")
    assert len((tmp_path / "ubi" / QUERIES_FILE).read_text().splitlines()) == 1
    assert sorted(path.name for path in (tmp_path / "ubi").iterdir()) == [EVENTS_FILE, QUERIES_FILE]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({}, "user_query: Field required"),
        ({"user_query": 5}, "user_query: .*valid string, found 5"),
        ({"user_query": "a", "timestamp": NOON}, "query_id is missing"),
        ({"user_query": "a", "query_id": "q"}, "timestamp is missing"),
        ({"user_query": "a", "query_id": "q" * 101, "timestamp": NOON}, "query_id: .*at most 100"),
        ({"user_query": "a", "query_id": "q", "timestamp": "yesterday"}, "timestamp: .*found 'yesterday'"),
        ({"user_query": "a", "query_id": "q", "timestamp": "2025-02-26"}, "timestamp: .*date with a time is needed"),
        ({"user_query": "a\x00", "query_id": "q", "timestamp": NOON}, "user_query: .*NUL"),
        (
            {"user_query": "a", "query_id": "q", "timestamp": NOON, "query_response_hit_ids": [1]},
            "hit_ids.0: .*found 1",
        ),
        ({"user_query": "a", "query_id": "first", "timestamp": NOON}, "query_id 'first' occurs twice"),
        (
            {"user_query": "a", "query_id": "q", "timestamp": NOON, "query_attributes": {"untilclick": {"step": -1}}},
            "query_attributes.untilclick",
        ),
    ],
)
def test_a_broken_query_record_is_refused_by_file_and_line_and_nothing_is_imported(log, tmp_path, query, message):
    good = {"user_query": "fine", "query_id": "first", "timestamp": NOON}
    with pytest.raises(DataError, match=rf"ubi_queries\.jsonl:2: .*{message}"):
        import_ubi(_write(tmp_path / "ubi", [good, query]), log)
    assert list(log.sessions()) == []


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"action_name": "click"}, "timestamp: Field required"),
        (_click("q", ordinal=0), r"position\.ordinal: .*greater than or equal to 1, found 0"),
        (_click("q", ordinal="1"), r"ordinal: .*valid integer, found '1'"),
        (_click("q", message="m" * 1025), "message: .*at most 1024"),
        ({**_click("q"), "event_attributes": {"object": {"object_id": "d"}}}, r"event_attributes\.position: Field"),
    ],
)
def test_a_broken_event_is_refused_by_file_and_line_and_nothing_is_imported(log, tmp_path, event, message):
    query = {"user_query": "fine", "query_id": "q", "timestamp": NOON}
    with pytest.raises(DataError, match=rf"ubi_events\.jsonl:1: .*{message}"):
        import_ubi(_write(tmp_path / "ubi", [query], [event]), log)
    assert list(log.sessions()) == []


def test_a_time_that_disagrees_with_its_timestamp_is_refused(log, other, tmp_path):
    log.append([KYOTO])
    export_ubi(log, tmp_path / "ubi")
    path = tmp_path / "ubi" / QUERIES_FILE
    path.write_text(path.read_text().replace("1970-01-01T00:00:50", "1970-01-01T00:00:59"))
    with pytest.raises(DataError, match=r"ubi_queries.jsonl:1: timestamp '1970.* and time 50.0 disagree"):
        import_ubi(tmp_path / "ubi", other)


def test_importing_twice_is_refused_as_a_whole(log, tmp_path):
    log.append([KYOTO])
    export_ubi(log, tmp_path / "ubi")
    with pytest.raises(LogError, match="already holds such a record"):
        import_ubi(tmp_path / "ubi", log)
    assert list(log.sessions()) == [KYOTO]


def test_a_missing_folder_is_named(log, tmp_path):
    with pytest.raises(DataError, match=r"nowhere/ubi_queries\.jsonl: no such file"):
        import_ubi(tmp_path / "nowhere", log)


def test_records_of_another_collector_become_sessions(log, tmp_path):
    """Ann retypes and clicks, then has new needs; only her clicks carry a session id. Bob has no client id.

    Extra fields, null for absent, compressed files, times without offset, attributes with structure: all allowed.
    """
    queries = [
        {"user_query": "jva threads", "query_id": "a1", "client_id": "ann", "timestamp": "2025-02-26T12:00:00Z"},
        {
            "user_query": "java threads",
            "query_id": "a2",
            "client_id": "ann",
            "timestamp": "2025-02-26T12:01:00",
            "query_response_hit_ids": ["d1", "d2"],
            "query_attributes": {"filter": {"year": [2024, 2025]}, "page": 1},
            "user_agent": "x",
        },
        {"user_query": "lunch", "query_id": "a3", "client_id": "ann", "timestamp": "2025-02-26T12:02:00+00:00"},
        {"user_query": "late lunch", "query_id": "a4", "client_id": "ann", "timestamp": "2025-02-26T13:02:00+00:00"},
        {"user_query": "hello", "query_id": "b1", "client_id": None, "timestamp": "2025-02-26T13:00:00+01:00"},
    ]
    at = {"timestamp": "2025-02-26T12:01:30Z"}
    unranked = {"object": {"object_id": "d2"}, "position": {"xy": {"x": 3, "y": 4.5}}}
    events = [
        {"action_name": "view", "timestamp": NOON, "query_id": "a1"},
        {"action_name": "click", "query_id": "a2", "session_id": "web-1", "event_attributes": unranked, **at},
        _click("a2", "d2", 2, at["timestamp"], user_id=None),
        _click("a2", "d7", 7, "2025-02-26T12:01:20Z"),
        _click("elsewhere"),
        {
            "action_name": "click",
            "timestamp": NOON,
            "query_id": "a3",
            "event_attributes": {"position": {"ordinal": 1}},
        },
    ]
    folder = _write(tmp_path / "ubi", queries, events)
    (folder / f"{QUERIES_FILE}.gz").write_bytes(gzip.compress((folder / QUERIES_FILE).read_bytes()))
    (folder / QUERIES_FILE).unlink()
    assert import_ubi(folder, log) == UbiCounts(sessions=4, queries=5, clicks=2, ignored_events=4)
    noon = 1740571200.0
    clicks = (Click("a2", "d7", 7, noon + 80), Click("a2", "d2", 2, noon + 90))
    filters = {"filter": '{"year": [2024, 2025]}', "page": 1}
    assert log.session("a1") == Session(
        "a1",
        "live",
        (
            Turn("a1", 0, "jva threads", None, (), (), noon),
            Turn("a2", 1, "java threads", None, ("d1", "d2"), clicks, noon + 60, filters),
        ),
        "ann",
    )
    assert typed(log, "a3") == ("lunch",)
    assert typed(log, "a4") == ("late lunch",)
    assert log.session("b1").client_id is None


def test_a_gap_or_a_click_starts_a_new_session():
    """Seconds of the queries; the one at 60 was clicked."""
    clicked = (Click("q60", "d", 1, 61.0),)
    times = [5000.0, 0.0, 60.0, 70.0, 1870.0, 3670.1]
    turns = [Turn(f"q{t:.0f}", 0, "", None, (), clicked if t == 60 else (), t) for t in times]
    parts = split_by_need([UbiTurn(turn, None, None, None) for turn in turns])
    assert [[query.turn.time for query in part] for part in parts] == [[0.0, 60.0], [70.0, 1870.0], [3670.1, 5000.0]]
    assert split_by_need([]) == []


def test_jsonl_keeps_a_session_without_turns(log, other, tmp_path):
    empty = Session("s0", "live", (), "c")
    log.append([empty, BERLIN])
    export_jsonl(log, tmp_path / "log.jsonl")
    import_jsonl(tmp_path / "log.jsonl", other)
    assert list(other.sessions()) == [empty, BERLIN]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "dreamt"}, "source: .*found 'dreamt'"),
        ({"turns": [{}]}, r"turns\.0\.query_id: Field required"),
        ({"colour": "red"}, "colour: .*not permitted"),
        ({"session_id": "a\x00"}, "NUL"),
    ],
)
def test_a_broken_session_line_is_refused_and_nothing_is_imported(log, other, tmp_path, change, message):
    log.append([KYOTO, QUIET])
    path = tmp_path / "log.jsonl"
    export_jsonl(log, path)
    first, second = path.read_text().splitlines()
    path.write_text(first + "\n" + json.dumps({**json.loads(second), **change}) + "\n")
    with pytest.raises(DataError, match=rf"log\.jsonl:2: .*{message}"):
        import_jsonl(path, other)
    assert list(other.sessions()) == []


def test_an_export_into_a_place_that_cannot_be_written_is_explained(log, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        export_ubi(log, tmp_path / "file" / "ubi")
