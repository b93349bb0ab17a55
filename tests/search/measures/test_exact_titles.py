"""The step that puts exact titles first."""

from __future__ import annotations

import pytest

from untilclick.search.measures.exact_titles import exact_titles_first
from untilclick.search.records import ScoredDoc

RANKING = [ScoredDoc("a", 3.0), ScoredDoc("b", 2.0), ScoredDoc("c", 1.0)]


@pytest.mark.parametrize(
    ("titled", "k", "expected"),
    [
        ((), 3, "abc"),
        ((), 2, "ab"),
        (("b",), 3, "bac"),
        (("c", "b"), 3, "bca"),  # the ranking's order among documents of one title
        (("x",), 3, "xab"),  # not retrieved at all
        (("x", "c"), 4, "cxab"),
        (("x", "y"), 1, "x"),
        (("a",), 3, "abc"),
        (("x",), 0, ""),
    ],
)
def test_documents_with_the_title_come_first(titled, k, expected):
    assert "".join(entry.doc_id for entry in exact_titles_first(RANKING, titled, k)) == expected


def test_scores_do_not_increase_down_the_list():
    assert [entry.score for entry in exact_titles_first(RANKING, ("c", "x"), 9)] == [3.0, 3.0, 3.0, 2.0]


def test_a_document_is_found_where_the_engine_finds_nothing():
    assert exact_titles_first([], ("x",), 10) == [ScoredDoc("x", 0.0)]
    assert exact_titles_first([], (), 10) == []
