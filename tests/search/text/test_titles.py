"""Documents by title."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.analysis.normal_form import text_key
from untilclick.search.records import Document
from untilclick.search.text.titles import MOST_WITH_TITLE, Titles


def titles_of(titles):
    """The table of doc_id -> title."""
    return Titles.of(Document(doc_id, title, "") for doc_id, title in titles.items())


TITLES = titles_of({"a": "asyncio.gather", "b": "", "c": "Sea  Shanties", "d": "sea shanties", "e": "gather"})


@pytest.mark.parametrize(
    ("title", "doc_ids"),
    [
        ("asyncio.gather", ["a"]),
        (" ASYNCIO.Gather\n", ["a"]),
        ("gather", ["e"]),
        ("sea\tshanties", ["c", "d"]),
        ("shanties", []),
        ("", []),
        (" \n", []),
    ],
)
def test_only_a_whole_title_names_documents_and_in_corpus_order(title, doc_ids):
    assert TITLES.with_title(title) == doc_ids


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Crème", "CRE\u0300ME"),
        ("ｊｓｏｎ", "json"),
        ("ﬁle", "FILE"),
        ("Straße", "STRASSE"),
        ("ὈΔΥΣΣΕΎΣ", "ὀδυσσεύς"),
    ],
)
def test_case_width_and_unicode_form_make_no_difference(one, other):
    assert text_key(one) == text_key(other)
    assert titles_of({"x": one}).with_title(other) == ["x"]


@given(st.text())
def test_the_key_of_a_key_is_itself(text):
    assert text_key(text_key(text)) == text_key(text)


def test_a_title_that_many_documents_share_names_none_of_them():
    titles = titles_of({str(i): "Introduction" for i in range(MOST_WITH_TITLE)})
    assert len(titles.with_title("introduction")) == MOST_WITH_TITLE
    assert titles.with_changes({"new": "Introduction"}).with_title("introduction") == []


def test_changes_add_replace_and_remove():
    changed = TITLES.with_changes({"e": "dishes", "f": "Gather", "c": None}).with_changes(
        {"g": "GATHER", "d": "gather"}
    )
    assert changed.with_title("gather") == ["f", "g", "d"]
    assert changed.with_title("sea shanties") == []
    assert changed.with_title("dishes") == ["e"]
    assert changed.with_changes({"f": None, "g": "tide"}).with_title("gather") == ["d"]
    assert TITLES.with_title("gather") == ["e"]


def test_a_corpus_without_documents_has_no_titles():
    assert Titles.of([]).with_title("anything") == []
