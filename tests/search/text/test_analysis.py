"""Text to terms."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.text.analysis import STOP_WORDS, term_of, terms, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("The Running of the BULLS", ["run", "bull"]),
        ("shutil.rmtree snake_case_name", ["shutil", "rmtree", "snake", "case", "name"]),
        ("x" * 300 + " short", ["short"]),
        ("half \ud800 pair", ["half", "pair"]),
    ],
)
def test_terms_are_lowered_stopped_and_stemmed(text, expected):
    assert terms(text) == expected


def test_words_keep_stop_words_and_endings():
    assert words("The Running_of, bulls!") == ["the", "running", "of", "bulls"]


def test_stop_words_and_non_words_have_no_term():
    assert all(term_of(word) is None for word in STOP_WORDS)
    assert term_of("") is None
    assert term_of("two words") is None


@given(st.text(st.characters(exclude_characters="İ")))
def test_terms_of_the_words_are_the_terms_of_the_text(text):
    """A second tokenizer once split combining marks and unassigned characters otherwise than the index did."""
    assert [term for word in words(text) if (term := term_of(word)) is not None] == terms(text)
