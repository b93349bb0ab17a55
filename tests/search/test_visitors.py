"""Visitors counted once, and those that look like programs."""

from __future__ import annotations

import pytest

from search.records import Click, Session, Turn
from search.visitors import once_per_client, suspects

DOCS = ("a", "b", "c")


def session(name, turns, client=None):
    """Turns are (time, query, [(doc, delay)])."""
    made = []
    for step, (time, query, clicks) in enumerate(turns):
        query_id = f"{name}-{step}"
        clicked = tuple(Click(query_id, doc, DOCS.index(doc) + 1, time + delay) for doc, delay in clicks)
        made.append(Turn(query_id, step, query, None, DOCS, clicked, time))
    return Session(name, "live", tuple(made), client)


def test_a_client_counts_once_for_a_query_and_a_document():
    sessions = [
        session("1", [(0, "Moon", [("a", 3), ("b", 5)])], "ann"),
        session("2", [(9, "moon ", [("a", 3)]), (10, "star", [("a", 3)])], "ann"),
        session("3", [(20, "moon", [("a", 3)])], "bob"),
        session("4", [(30, "moon", [("a", 3)])]),
        session("5", [(40, "moon", [("a", 3)])]),
    ]
    assert [one.clicked for one in once_per_client(sessions)] == [("a", "b"), ("a",), ("a",), ("a",), ("a",)]
    assert list(once_per_client(sessions))[1].turns[0].clicks == ()


def test_clicking_the_same_twice_on_one_list_is_two_clicks_of_one_visit():
    """Within one list the log itself keeps a document and rank once."""
    sessions = [session("1", [(0, "moon", [("a", 3), ("a", 4)])], "ann")]
    assert next(iter(once_per_client(sessions))).clicked == ("a", "a")


def people():
    """Uneven pauses, reading time, and a click on something now and then."""
    pauses = [7, 31, 12, 90, 18, 44, 9, 61, 25, 33, 14, 70]
    times = [sum(pauses[:i]) for i in range(len(pauses) + 1)]
    turns = [(time, f"query {i}", [("a", 4 + i)] if i % 3 == 0 else []) for i, time in enumerate(times)]
    return session("person", turns, "person")


PROGRAMS = {
    "21 queries within a minute": [(i * 2.5 + (i % 3) * 0.7, f"q{i}", []) for i in range(21)],
    "a query every 30.0 s": [(i * 30.0, f"q{i}", []) for i in range(12)],
    "5 of 5 clicks within 0.5 s": [(i * i * 10.0, f"q{i}", [("a", 0.1)]) for i in range(5)],
    "21 clicks on one document": [(i * i * 10.0, "q", [("b", 5)]) for i in range(21)],
    "a click on every document of 5 lists": [
        (i * i * 100.0, f"q{i}", [("a", 3), ("b", 6), ("c", 9)]) for i in range(5)
    ],
}


@pytest.mark.parametrize("reason", PROGRAMS)
def test_programs_are_told_by_each_sign_and_people_are_not(reason):
    found = suspects([people(), session("s", PROGRAMS[reason], "program")])
    assert [(one.visitor, one.reasons) for one in found] == [("program", (reason,))]


def test_a_visitor_is_seen_over_all_its_sessions():
    turns = PROGRAMS["a query every 30.0 s"]
    parts = [session(f"s{i}", [turn], "program") for i, turn in enumerate(turns)]
    (found,) = suspects(parts)
    assert (found.sessions, found.queries, found.clicks) == (12, 12, 0)
    assert suspects([session(f"s{i}", [turn]) for i, turn in enumerate(turns)]) == []
