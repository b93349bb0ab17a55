"""Lists of sessions made by hand become the arrays of a click log."""

from __future__ import annotations

import pytest

from untilclick.search.click_models.base import NO_DOCUMENT
from untilclick.search.click_models.fitting.session_lists import QueryDocument, normalised, session_lists
from untilclick.search.errors import DataError
from untilclick.search.records import Click, Session, Turn

TRAINED, HELD_OUT = "s1", "s7"
"""Session ids that the hash puts on either side."""


def session(session_id, *turns):
    return Session(session_id, "live", tuple(turns))


def turn(query, shown, *ranks, query_id="q", rewrite=None):
    clicks = tuple(Click(query_id, shown[rank - 1], rank, 1.0) for rank in ranks)
    return Turn(query_id, 0, query, rewrite, tuple(shown), clicks, 0.0)


def test_pairs_of_query_and_document_are_numbered_and_clicks_stand_beside_them():
    lists = session_lists(
        [session(TRAINED, turn("a b", "xy", 2), turn("c", "yxz", 1, 3)), session("s2", turn("A, b!", "x"))]
    )
    assert lists.pairs == tuple(
        QueryDocument(*pair) for pair in (("a b", "x"), ("a b", "y"), ("c", "y"), ("c", "x"), ("c", "z"))
    )
    assert lists.training.items.tolist() == [[0, 1, NO_DOCUMENT], [2, 3, 4], [0, NO_DOCUMENT, NO_DOCUMENT]]
    assert lists.training.clicked.tolist() == [[False, True, False], [True, False, True], [False, False, False]]
    assert lists.held_out.items.shape == (0, 3)


def test_only_the_first_ranks_are_read_and_queries_without_results_are_left_out():
    lists = session_lists([session(TRAINED, turn("a", "wxyz", 1, 4), turn("b", ""))], ranks=3)
    assert lists.training.items.tolist() == [[0, 1, 2]]
    assert lists.training.clicked.tolist() == [[True, False, False]]


def test_a_held_out_list_is_cut_above_the_first_unknown_document():
    training = session(TRAINED, turn("a", "xyz"))
    held_out = session(HELD_OUT, turn("a", "yxnz", 1, 4), turn("a", "nxy", 2), turn("b", "xyz", 1))
    lists = session_lists([training, held_out])
    assert lists.training.items.tolist() == [[0, 1, 2]]
    assert lists.held_out.items.tolist() == [[1, 0, NO_DOCUMENT]]
    assert lists.held_out.clicked.tolist() == [[True, False, False]]


def test_a_held_out_list_is_no_longer_than_the_longest_training_list():
    training = session(TRAINED, turn("a", "xy"), turn("a", "zw"))
    lists = session_lists([training, session(HELD_OUT, turn("a", "xzyw", 3))])
    assert lists.held_out.items.tolist() == [[0, 2]]
    assert not lists.held_out.clicked.any()


def test_about_a_fifth_of_the_sessions_is_held_out_and_always_the_same_ones():
    sessions = [session(f"s{i}", turn("a", "x")) for i in range(1000)]
    lists = session_lists(sessions)
    assert 150 < len(lists.held_out.items) < 250
    assert len(session_lists(reversed(sessions)).held_out.items) == len(lists.held_out.items)


def test_the_typed_query_counts_not_the_rewrite():
    lists = session_lists([session(TRAINED, turn("Typed", "x", rewrite="rewritten"))])
    assert lists.pairs == (QueryDocument("typed", "x"),)


def test_a_query_without_words_stands_for_itself():
    assert normalised("  Berlin,  WALL ") == "berlin wall"
    assert normalised("?!") == "?!"


@pytest.mark.parametrize("sessions", [[], [session(TRAINED, turn("a", ""))], [session(HELD_OUT, turn("a", "x"))]])
def test_sessions_without_a_training_list_are_refused(sessions):
    with pytest.raises(DataError, match="No result list"):
        session_lists(sessions)
