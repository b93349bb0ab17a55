"""Training data from a log: the split, inputs with grades, inputs with clicks, retrieval terms."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from untilclick.rewriter.data.logged_queries import (
    JudgedQuery,
    clicked_queries,
    first_and_later,
    mostly_first,
    retrieval_terms,
    simulated_queries,
    training_query,
)
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.records import Click, Session, Turn

from tests.rewriter.toy_learning import toy_sessions, toy_topics

TOPICS = toy_topics()
LOG = tuple(toy_sessions(TOPICS, each=3))


def session(name: str, *queries: str, clicks: tuple[str, ...] = ()) -> Session:
    """Clicks, if any, fall on the last query."""
    last = len(queries) - 1
    turns = tuple(
        Turn(
            f"{name}{i}",
            i,
            query,
            None,
            (),
            tuple(Click(f"{name}{i}", doc, 1, 5.0 + n) for n, doc in enumerate(clicks)) if i == last else (),
            float(i),
        )
        for i, query in enumerate(queries)
    )
    return Session(name, "live", turns)


def test_simulated_inputs_carry_the_grades_of_their_topic_once():
    queries = simulated_queries(LOG, TOPICS)
    assert len(queries) == 2 * len(TOPICS)
    by_request = {query.request: query.relevance for query in queries}
    for topic in TOPICS:
        assert by_request[RewriteRequest(topic.query)] == topic.relevance


def test_abandoned_simulated_sessions_are_inputs_too():
    """Their topics give the rewards, and queries that found nothing need a rewrite most."""
    abandoned = [replace(session, turns=session.turns[:1]) for session in LOG]
    assert len(simulated_queries(abandoned, TOPICS)) == len(TOPICS)
    assert clicked_queries(abandoned) == []


def test_sessions_of_unknown_topics_are_left_out():
    assert simulated_queries(LOG, TOPICS[:1]) == simulated_queries(LOG[:3], TOPICS)
    assert simulated_queries(list(toy_sessions(TOPICS, name_topics=False)), TOPICS) == []


def test_clicked_inputs_count_sessions_by_document():
    queries = {query.request: query.relevance for query in clicked_queries(LOG)}
    topic = TOPICS[0]
    assert queries[RewriteRequest(topic.query)] == dict.fromkeys(topic.relevance, 1)


def test_every_query_of_a_session_is_an_input_with_what_came_before_it():
    queries = clicked_queries([session("a", "rmtre", "delete folder", clicks=("d7",))])
    assert [(query.request.query, query.request.history, query.relevance) for query in queries] == [
        ("rmtre", (), {"d7": 1}),
        ("delete folder", ("rmtre",), {"d7": 1}),
    ]


def test_equal_inputs_are_counted_together_and_the_most_clicked_come_first():
    log = [
        session("a", "tea", clicks=("green",)),
        session("b", "coffee", clicks=("black",)),
        session("c", "coffee", clicks=("black",)),
        session("d", "coffee", clicks=("white",)),
    ]
    queries = clicked_queries(log)
    assert [(query.request.query, query.relevance) for query in queries] == [
        ("coffee", {"black": 2, "white": 1}),
        ("tea", {"green": 1}),
    ]


def test_the_click_that_ended_the_session_counts():
    assert clicked_queries([session("a", "tea", clicks=("first", "last"))])[0].relevance == {"last": 1}


def test_abandoned_and_empty_sessions_teach_nothing():
    assert clicked_queries([session("a", "tea"), Session("b", "live", ())]) == []
    assert clicked_queries([]) == []


FIRST = [JudgedQuery(RewriteRequest(query), {}) for query in ("tea", "oven", "moon")]
LATER = [JudgedQuery(RewriteRequest(query, ("tea",)), {}) for query in ("green tea", "herbs", "mint")]
MIXED = [query for pair in zip(LATER, FIRST, strict=True) for query in pair]


def test_first_queries_are_told_from_later_ones_and_keep_their_order():
    assert first_and_later(MIXED) == (FIRST, LATER)
    assert first_and_later([]) == ([], [])


@pytest.mark.parametrize(
    ("share", "most", "rounding", "expected"),
    [
        (0.5, None, math.floor, FIRST + LATER[:1]),
        (0.5, None, math.ceil, FIRST + LATER[:2]),
        (1.0, 2, math.floor, FIRST[:2] + LATER[:2]),
        (0.0, 2, math.ceil, FIRST[:2]),
        (9.0, None, math.floor, FIRST + LATER),
    ],
)
def test_later_queries_are_a_share_of_the_first(share, most, rounding, expected):
    assert mostly_first(MIXED, share, most, rounding) == expected


def test_without_first_queries_the_later_ones_stand_in():
    assert mostly_first(LATER, 0.5) == LATER
    assert mostly_first(LATER, 0.5, 2) == LATER[:2]


def test_retrieval_sees_the_query_and_what_its_correction_brings_in(opened):
    assert retrieval_terms("the ovens of doughs", opened.spelling, opened.analysis).body == ("oven", "dough")
    assert retrieval_terms("sourdugh oven", opened.spelling, opened.analysis).body == (
        "sourdugh",
        "oven",
        "sourdough",
    )
    whole = retrieval_terms("sourdugh C++ Wi-Fi", opened.spelling, opened.analysis)
    assert (whole.body[-1], whole.joined, whole.aside) == ("sourdough", ("wifi",), ("c++",))
    assert retrieval_terms("", opened.spelling, opened.analysis).body == ()
    logged = JudgedQuery(RewriteRequest("oven", ("dough",)), {"kitchen-0": 1})
    query = training_query(logged, opened.spelling, opened.analysis)
    assert (query.terms.body, query.relevance) == (("oven",), {"kitchen-0": 1})
