"""Snippets: the best window, cut at words, in pieces of plain text."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.snippets import Piece, snippet, term_weights


def text_of(pieces):
    return "".join(piece.text for piece in pieces)


def hits_of(pieces):
    return [piece.text for piece in pieces if piece.hit]


def test_searched_words_are_marked_by_their_index_term():
    pieces = snippet("Deletes a Directory tree, recursively.", term_weights("delete directories", ""))
    assert hits_of(pieces) == ["Deletes", "Directory"]
    assert text_of(pieces) == "Deletes a Directory tree, recursively."


def test_words_of_the_rewrite_are_marked_too():
    assert hits_of(snippet("Join a thread", term_weights("wait", "wait join"))) == ["Join"]


def test_a_typed_word_counts_more_than_an_added_one():
    assert term_weights("wait", "join wait") == {"wait": 2.0, "join": 1.0}


def test_the_window_with_most_words_is_taken():
    text = "cat " + "filler " * 100 + "cat and dog " + "filler " * 100
    pieces = snippet(text, term_weights("cat dog", ""), length=60)
    assert hits_of(pieces) == ["cat", "dog"]
    assert text_of(pieces).startswith("… filler")
    assert text_of(pieces).endswith("filler …")


def test_without_a_searched_word_it_is_the_beginning():
    pieces = snippet("one two three four five", term_weights("zebra", ""), length=12)
    assert pieces == (Piece("one two …", False),)


def test_nothing_gives_nothing():
    assert snippet("", term_weights("cat", "")) == ()
    assert snippet("  \n ", {}) == ()


def test_markup_stays_text():
    text = "<b>cat</b> & <img src=x onerror=alert(1)>"
    assert text_of(snippet(text, term_weights("cat img", ""))) == text


def test_white_space_becomes_single():
    assert text_of(snippet("a\n\n  cat\tsat", term_weights("cat", ""))) == "a cat sat"


@given(st.text(max_size=400), st.text(max_size=30), st.integers(1, 120))
def test_any_text_gives_bounded_pieces_of_itself(text, query, length):
    pieces = snippet(text, term_weights(query, ""), length)
    shown = text_of(pieces).strip("… ")
    squeezed = " ".join(text.split())
    assert len(shown.split()) <= len(text.split()) + 1
    assert all(piece.text for piece in pieces)
    assert "".join(shown.split()) in "".join(squeezed.split())
    assert all(a.hit != b.hit for a, b in pairwise(pieces))
