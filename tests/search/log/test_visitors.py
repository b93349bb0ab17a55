"""Repeated clicks of a client count once, and visitors that look automated are named."""

from __future__ import annotations

import pytest

from untilclick.search.log.visitors import once_per_client, suspects
from untilclick.search.records import Click, Session, Turn

DOCS = ("a", "b", "c")


def session(name, turns, client=None):
    """Turns are (time, query, [(doc, delay)])."""
    logged_turns = []
    for step, (time, query, clicks) in enumerate(turns):
        query_id = f"{name}-{step}"
        clicked = tuple(Click(query_id, doc, DOCS.index(doc) + 1, time + delay) for doc, delay in clicks)
        logged_turns.append(Turn(query_id, step, query, None, DOCS, clicked, time))
    return Session(name, "live", tuple(logged_turns), client)


def test_a_client_counts_once_for_a_query_and_a_document():
    sessions = [
        session("1", [(0, "Moon", [("a", 3), ("b", 5)])], "ann"),
        session("2", [(9, "moon ", [("a", 3)]), (10, "star", [("a", 3)])], "ann"),
        session("3", [(20, "moon", [("a", 3)])], "bob"),
        session("4", [(30, "moon", [("a", 3)])]),
        session("5", [(40, "moon", [("a", 3)])]),
    ]
    assert [session.clicked for session in once_per_client(sessions)] == [("a", "b"), ("a",), ("a",), ("a",), ("a",)]
    assert list(once_per_client(sessions))[1].turns[0].clicks == ()


def test_clicking_the_same_twice_on_one_list_is_two_clicks_of_one_visit():
    """Within one list, the log itself stores a document and rank once."""
    sessions = [session("1", [(0, "moon", [("a", 3), ("a", 4)])], "ann")]
    assert next(iter(once_per_client(sessions))).clicked == ("a", "a")


def people():
    """A person: uneven pauses, time for reading, and a click now and then."""
    pauses = [7, 31, 12, 90, 18, 44, 9, 61, 25, 33, 14, 70]
    times = [sum(pauses[:i]) for i in range(len(pauses) + 1)]
    turns = [(time, f"query {i}", [("a", 4 + i)] if i % 3 == 0 else []) for i, time in enumerate(times)]
    return session("person", turns, "person")


PROGRAMS = {
    "21 queries within a minute": [(i * 2.5 + (i % 3) * 0.7, f"q{i}", []) for i in range(21)],
    "a query every 30.0 s": [(i * 30.0, f"q{i}", []) for i in range(12)],
    "5 of 5 clicks within 0.5 s": [(i * i * 10.0, f"q{i}", [("a", 0.1)]) for i in range(5)],
    "21 clicks on one document in a day": [(i * i * 10.0, "q", [("b", 5)]) for i in range(21)],
    "a click on every document of 5 lists": [
        (i * i * 100.0, f"q{i}", [("a", 3), ("b", 6), ("c", 9)]) for i in range(5)
    ],
}


@pytest.mark.parametrize("reason", PROGRAMS)
def test_programs_are_told_by_each_sign_and_people_are_not(reason):
    automated = suspects([people(), session("s", PROGRAMS[reason], "program")])
    assert [(suspect.visitor, suspect.reasons) for suspect in automated] == [("program", (reason,))]


def test_a_visitor_is_seen_over_all_its_sessions():
    turns = PROGRAMS["a query every 30.0 s"]
    parts = [session(f"s{i}", [turn], "program") for i, turn in enumerate(turns)]
    (suspect,) = suspects(parts)
    assert (suspect.sessions, suspect.queries, suspect.clicks) == (12, 12, 0)
    assert suspects([session(f"s{i}", [turn]) for i, turn in enumerate(turns)]) == []


DAY_S = 86_400


def reasons(turns):
    return [reason for suspect in suspects([session("s", turns, "client")]) for reason in suspect.reasons]


def test_a_page_that_is_opened_daily_is_no_programs():
    """Clicks were once counted over the whole log, so a long log made a person look automated."""
    assert reasons([(day * DAY_S + 3000 * (day % 7), "diary", [("a", 5)]) for day in range(60)]) == []


def test_clicks_on_one_document_are_counted_by_day():
    """The reason names the busiest day; 20 clicks a day are still those of a person."""
    busy = [(3 * DAY_S + 60 * i + i * i, "q", [("b", 5)]) for i in range(25)]
    quiet = [(5 * DAY_S + 60 * i + i * i, "q", [("b", 5)]) for i in range(20)]
    assert reasons(quiet) == []
    assert reasons(busy + quiet) == ["25 clicks on one document in a day"]


def test_one_nights_pause_hides_no_clock():
    """The deviation was once taken over all pauses, and a single long pause made it large."""
    evening = [(i * 10.0, f"q{i}", []) for i in range(12)]
    morning = [(8 * 3600 + i * 10.0, f"r{i}", []) for i in range(12)]
    assert reasons(evening + morning) == ["a query every 10.0 s"]


def test_who_asks_once_a_day_is_no_clock():
    """Queries a day apart, give or take an hour, once looked regular."""
    assert reasons([(day * DAY_S + 600 * (day % 5), f"q{day}", []) for day in range(30)]) == []


def test_pauses_of_several_runs_are_not_joined():
    """Six queries a minute apart on each of three mornings: only ten equal pauses in one run are a clock."""
    turns = [(day * DAY_S + i * 60.0, f"q{day}{i}", []) for day in range(3) for i in range(6)]
    assert reasons(turns) == []


def test_the_longest_of_several_clocks_is_told():
    short = [(i * 30.0, f"q{i}", []) for i in range(11)]
    long = [(DAY_S + i * 20.0, f"r{i}", []) for i in range(15)]
    assert reasons(short + long) == ["a query every 20.0 s"]


def test_clicks_before_their_query_say_nothing():
    """If the clocks of two hosts differ, every click on the slower one once looked instant."""
    apart = [(i * i * 10.0, f"q{i}", [(DOCS[i % 3], -2)]) for i in range(6)]
    assert reasons(apart) == []
    fast = [(1000 + i * i * 10.0, f"r{i}", [(DOCS[i % 3], 0.1)]) for i in range(5)]
    assert reasons(apart + fast) == ["5 of 5 clicks within 0.5 s"]
