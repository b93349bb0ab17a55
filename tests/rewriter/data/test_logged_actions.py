"""Actions and returns read from hand-made sessions."""

from __future__ import annotations

import pytest

from untilclick.rewriter.data.logged_actions import (
    ActionSettings,
    LoggedAction,
    logged_actions,
    mean_return,
    prompt_values,
    session_return,
)
from untilclick.rewriter.language.prompts import render
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.records import Click, Session, Turn

from tests.rewriter.toy_learning import prompt_of

SETTINGS = ActionSettings(terms=2, discount=0.5)


def session(
    *queries: str, clicked: int | None = None, rank: int = 1, rewrites: dict[int, str] | None = None
) -> Session:
    """A session that types these queries; `clicked` is the turn with the click."""
    turns = []
    for step, query in enumerate(queries):
        click = (Click(f"q{step}", "d", rank, 5.0),) if step == clicked else ()
        turns.append(Turn(f"q{step}", step, query, (rewrites or {}).get(step), ("d",), click, float(step)))
    return Session("s", "live", tuple(turns))


def read(vocabulary, *sessions, settings=SETTINGS):
    """(words of the prompt's query, words of the action) -> (mean return, count)."""
    return {
        (names(vocabulary, action.prompt.query_ids), names(vocabulary, action.terms)): (
            action.mean_return,
            action.count,
        )
        for action in logged_actions(sessions, vocabulary, None, settings)
    }


def names(vocabulary, ids) -> str:
    return " ".join(vocabulary.tokens[token] for token in ids)


@pytest.mark.parametrize(
    ("clicked", "rank", "step", "expected"),
    [
        (2, 1, 2, 1.0),  # the very query
        (2, 1, 1, 0.5),  # one more query was needed
        (2, 1, 0, 0.25),
        (2, 4, 1, 0.125),  # half, at rank 4
        (0, 1, 1, 0.0),  # clicked before, never again
        (None, 1, 0, 0.0),  # abandoned
    ],
)
def test_the_return_is_discounted_by_the_queries_still_needed_and_by_the_rank(clicked, rank, step, expected):
    assert session_return(session("a", "b", "c", clicked=clicked, rank=rank), step, 0.5) == expected


def test_the_last_click_counts():
    turns = (
        Turn("q0", 0, "a", None, ("d",), (Click("q0", "d", 1, 1.0),), 0.0),
        Turn("q1", 1, "b", None, ("d", "e"), (Click("q1", "e", 2, 4.0), Click("q1", "d", 1, 3.0)), 2.0),
    )
    assert session_return(Session("s", "live", turns), 0, 0.5) == 0.25
    assert session_return(Session("s", "live", turns), 1, 0.5) == 0.5


def test_every_later_query_is_an_action_on_every_earlier_one(vocabulary):
    actions = read(vocabulary, session("oven", "oven bread dough", "flour oven", clicked=2))
    assert actions == {
        ("oven", "dough"): (0.5, 1),  # bread is not in the corpus
        ("oven", "flour"): (1.0, 1),
        ("oven dough", "flour"): (1.0, 1),
    }


def test_the_prompt_holds_the_session_before_it(vocabulary):
    (first, _, last) = logged_actions([session("oven", "dough", "flour", clicked=2)], vocabulary, None, SETTINGS)
    assert first.prompt == render(RewriteRequest("oven"), vocabulary)
    assert last.prompt == render(RewriteRequest("dough", ("oven",)), vocabulary)


def test_a_rewrite_that_the_service_applied_is_an_action_on_its_own_query(vocabulary):
    actions = read(vocabulary, session("oven", clicked=0, rank=2, rewrites={0: "oven dough flour"}))
    assert actions == {("oven", "dough flour"): (0.5, 1)}


def test_equal_actions_are_merged_whatever_their_order_with_the_mean_of_their_returns(vocabulary):
    actions = read(
        vocabulary,
        session("oven", "oven dough flour", clicked=1),
        session("oven", "flour dough"),
        session("oven", "flour", clicked=1, rank=2),
    )
    assert actions == {("oven", "dough flour"): (0.5, 2), ("oven", "flour"): (0.5, 1)}


def test_an_action_is_cut_to_its_longest_and_repeats_no_term(vocabulary):
    actions = read(vocabulary, session("oven", "dough dough flour yeast", clicked=1))
    assert list(actions) == [("oven", "dough flour")]


@pytest.mark.parametrize("queries", [("oven",), ("oven", "oven"), ("oven", "the unheardof"), ("the", "dough"), ()])
def test_what_adds_no_known_term_or_starts_from_none_is_no_action(vocabulary, queries):
    assert logged_actions([session(*queries)], vocabulary, None, SETTINGS) == []


def test_the_most_frequent_are_kept(vocabulary):
    log = [session("oven", "dough"), session("moon", "star"), session("moon", "star")]
    actions = logged_actions(log, vocabulary, None, ActionSettings(most=1))
    assert [(names(vocabulary, action.terms), action.count) for action in actions] == [("star", 2)]


def test_a_prompts_value_is_drawn_towards_the_mean_of_the_log(vocabulary):
    oven, moon = prompt_of(vocabulary, "oven"), prompt_of(vocabulary, "moon")
    actions = [LoggedAction(oven, (9,), 1.0, 1), LoggedAction(moon, (9,), 0.0, 2), LoggedAction(moon, (8,), 1.0, 1)]
    assert mean_return(actions) == 0.5
    assert prompt_values(actions) == {oven: 0.75, moon: pytest.approx(1.5 / 4)}
    assert mean_return([]) == 0.0
    assert prompt_values([]) == {}
