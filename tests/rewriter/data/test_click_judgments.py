"""What held-out sessions say of documents: clicked, shown in vain, or nothing."""

from __future__ import annotations

import pytest

from untilclick.rewriter.data.click_judgments import judged_inputs
from untilclick.search.records import Click, Session, Topic, Turn


def turn(query, shown, clicked="", step=0, topic=None):
    """A turn whose documents are letters."""
    clicks = tuple(Click("q", doc_id, shown.index(doc_id) + 1, 0.0) for doc_id in clicked)
    return Turn("q", step, query, None, tuple(shown), clicks, 0.0, {} if topic is None else {"topic_id": topic})


def session(*turns, client=None, number=0):
    return Session(f"s{number}", "live", turns, client)


def judged(sessions, topics=(), need_of=lambda session: 0, typed=()):
    return judged_inputs(sessions, topics, need_of, lambda query: query in typed)


def test_what_was_shown_at_any_query_of_a_session_is_known_and_nothing_else():
    (oven,) = judged([session(turn("oven", "abc"), turn("oven dough", "xy", "x", 1))])
    assert oven.grades == {"a": 0, "b": 0, "c": 0, "x": 1, "y": 0}
    assert (oven.query, oven.complete) == ("oven", False)


def test_a_grade_is_the_clicks_per_examination():
    sessions = [session(turn("oven", "ab", "a")), session(turn("oven", "ab", "b")), session(turn("oven", "ba"))]
    (oven,) = judged(sessions)
    # a: examined at rank 1 twice, and half at rank 2; b: below the click, at it, and at rank 1
    assert oven.grades == {"a": pytest.approx(1 / 2.5), "b": pytest.approx(1 / 3)}


def test_of_a_log_without_result_lists_only_the_clicks_are_known():
    bare = Turn("q", 0, "oven", None, (), (Click("q", "a", 1, 0.0),), 0.0)
    assert judged([session(bare)])[0].grades == {"a": 1}


def test_only_first_queries_with_a_click_are_judged_those_of_most_sessions_first():
    sessions = [
        session(turn("bread", "ab", "b")),
        *[session(turn("oven", "ab"), turn("dough", "ab", "a", 1))] * 2,
        session(turn("yeast", "ab")),
    ]
    assert [each.query for each in judged(sessions)] == ["oven", "bread"]


def test_queries_that_training_sessions_typed_are_left_out():
    sessions = [session(turn("oven", "a", "a")), session(turn("bread", "a", "a")), session(turn("yeast", "a"))]
    assert [each.query for each in judged(sessions, typed=("oven", "yeast"))] == ["bread"]


def test_a_query_has_the_need_of_most_of_its_sessions_and_sessions_without_a_need_say_nothing():
    needs = {"s0": 7, "s1": 5, "s2": 7, "s3": None}
    sessions = [session(turn("oven", "abcd", "abcd"[number]), number=number) for number in range(4)]
    (oven,) = judged(sessions, need_of=lambda session: needs[session.session_id])
    assert oven.need == 7
    assert [doc_id for doc_id, grade in oven.grades.items() if grade > 0] == ["a", "b", "c"]


def test_judgments_of_topics_are_complete_and_sessions_of_other_topics_say_nothing():
    topics = [Topic("t1", "oven", {"a": 2}), Topic("t2", "oven", {"b": 1}), Topic("t3", "yeast", {})]
    sessions = [
        session(turn("other", "c", "c")),
        *[session(turn("oven", "ab", topic="t2"))] * 2,
        session(turn("oven", "ab", "b", topic="t1")),
        session(turn("yeast", "ab", "b", topic="t3")),
        session(turn("other", "c", "c", topic="t9")),
    ]
    inputs = judged(sessions, topics)
    assert [(each.query, dict(each.grades)) for each in inputs] == [("oven", {"b": 1}), ("oven", {"a": 2})]
    assert all(each.complete for each in inputs)
    assert judged([session()]) == []
