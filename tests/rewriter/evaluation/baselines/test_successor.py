"""Successors of hand-made sessions."""

import logging

import pytest

from untilclick.rewriter.evaluation.baselines.parameter_choice import ParameterChoice
from untilclick.rewriter.evaluation.baselines.successor import (
    Successor,
    SuccessorCounts,
    SuccessorSettings,
    successor_of,
)
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.search.analysis.by_name import english
from untilclick.search.records import Click, Session, Topic, Turn, WeightedQuery

from tests.rewriter.toy_engine import ToyEngine

ENGINE = ToyEngine()


def session(number, *queries, topic_id=None):
    """A session of these queries; a query with a star got the click."""
    attributes = {} if topic_id is None else {"topic_id": topic_id}
    turns = tuple(
        Turn(f"s{number}-{step}", step, query.rstrip("*"), None, ("d",),
             (Click(f"s{number}-{step}", "d", 1, 0.0),) if query.endswith("*") else (), 0.0, attributes)
        for step, query in enumerate(queries)
    )  # fmt: skip
    return Session(f"s{number}", "simulated", turns)


def most_frequent_successors(sessions):
    counts = SuccessorCounts()
    for session in sessions:
        counts.add(session)
    return counts.most_frequent()


def test_the_successor_is_the_later_query_that_got_most_clicks():
    sessions = [
        session(0, "red bull", "red bull ingredients", "taurine*"),
        session(1, "red bull", "red bull ingredients"),
        session(2, "Red  Bull!", "caffeine*"),
        session(3, "red bull", "taurine*"),
    ]
    assert most_frequent_successors(sessions)["red bull"] == "taurine"


def test_without_clicks_the_most_frequent_comes_first_then_the_alphabet():
    sessions = [
        session(0, "a b", "x"),
        session(1, "a b", "y", "z"),
        session(2, "a b", "z"),
        session(3, "c", "y", "x"),
    ]
    assert most_frequent_successors(sessions) == {"a b": "z", "y": "x", "c": "x"}


def test_a_query_does_not_follow_itself_and_the_last_has_no_successor():
    assert most_frequent_successors([session(0, "Sorting", "sorting*"), session(1, "sorting*")]) == {}


@pytest.mark.parametrize(
    ("mode", "clauses"),
    [
        ("replace", (("sort a list", 1.0),)),
        ("mix", (("Order, things", pytest.approx(0.25)), ("sort a list", pytest.approx(0.25)))),
    ],
)
def test_the_successor_is_searched_instead_of_what_was_typed_or_beside_it(mode, clauses):
    """Mixed, typed query and successor weigh 1/2 each, shared by two index terms (`a` is none)."""
    system = Successor({"order things": "sort a list"}, english(), SuccessorSettings(mode))
    assert system([TypedTopic(Topic("t", "", {}), "Order, things")])[0].query.clauses == clauses


@pytest.mark.parametrize("query", ["never seen", "", "goes nowhere"])
def test_other_queries_are_searched_as_typed(query):
    """A successor of stop words alone would find nothing."""
    system = Successor({"order things": "sort", "goes nowhere": "the"}, english(), SuccessorSettings("replace"))
    assert system([TypedTopic(Topic("t", "", {}), query)])[0].query == WeightedQuery.of(query)


def test_sessions_of_reported_topics_are_left_out_and_counted(caplog):
    sessions = [session(0, "a", "b", topic_id="t1"), session(1, "c", "d", topic_id="t2"), session(2, "e", "f")]
    with caplog.at_level(logging.WARNING):
        system = successor_of(sessions, {"t1"}, ParameterChoice(ENGINE, []), english())
    assert system.successors == {"c": "d", "e": "f"}
    assert "left out 1 sessions of the log" in caplog.text


@pytest.mark.parametrize(("topic_id", "mode"), [("t", "mix"), ("another", "replace"), (None, "replace")])
def test_the_choice_knows_no_session_of_the_topics_that_it_is_made_on(topic_id, mode):
    """The log leads from a misleading query to a query that finds d5. If all sessions that do so belong to the topic
    itself, they prove nothing for new needs, and the choice ignores them. The final table counts all sessions."""
    typed = "socket send bytes server"
    choice = ParameterChoice(ENGINE, [TypedTopic(Topic("t", typed, {"d5": 1}), typed)])
    system = successor_of([session(0, typed, "text*", topic_id=topic_id)], set(), choice, english())
    assert system == Successor({typed: "text"}, english(), SuccessorSettings(mode))
