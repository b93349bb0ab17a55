"""The analysis of indexes and bundles that name none stays as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name
from untilclick.search.analysis.english_v1 import STOP_WORDS

FIRST = analysis_by_name(FIRST_NAME)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("The Running of the BULLS", ["run", "bull"]),
        ("shutil.rmtree snake_case_name", ["shutil", "rmtree", "snake", "case", "name"]),
        ("x" * 300 + " short", ["short"]),
        ("half \ud800 pair", ["half", "pair"]),
        ("Crème C++", ["crème", "c"]),
    ],
)
def test_terms_are_lowered_stopped_and_stemmed(text, expected):
    assert FIRST.terms(text) == list(FIRST.query(text).body) == expected
    assert FIRST.document(text) == (" ".join(expected), "")


def test_words_keep_stop_words_and_endings():
    assert FIRST.words("The Running_of, bulls!") == ["the", "running", "of", "bulls"]
    assert list(FIRST.document_words("Wi-Fi").written) == FIRST.keywords("Wi-Fi") == ["wi", "fi"]


def test_stop_words_and_non_words_have_no_term():
    assert all(FIRST.term_of(word) is None and FIRST.is_stop_word(word) for word in STOP_WORDS)
    assert FIRST.term_of("") is None
    assert FIRST.term_of("two words") is None


def test_spans_are_the_words_with_a_term():
    assert list(FIRST.spans("The cats, a dog_house")) == [
        (4, 8, ("cat",)),
        (12, 15, ("dog",)),
        (16, 21, ("hous",)),
    ]


@given(st.text(st.characters(exclude_characters="İ")))
def test_terms_of_the_words_are_the_terms_of_the_text(text):
    """A second tokenizer once split combining marks and unassigned characters otherwise than the index did."""
    terms = [FIRST.term_of(word) for word in FIRST.words(text)]
    assert [term for term in terms if term is not None] == FIRST.terms(text)


def test_keywords_have_their_places():
    assert list(FIRST.placed_keywords("The Wi-Fi, 図書 İo")) == [
        (0, 3, "the"),
        (4, 6, "wi"),
        (7, 9, "fi"),
        (11, 13, "図書"),
        (14, 16, "i\u0307o"),
    ]


@given(st.text())
def test_placed_keywords_are_the_keywords(text):
    assert [placed.word for placed in FIRST.placed_keywords(text)] == FIRST.keywords(text)
