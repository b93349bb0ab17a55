"""Snippets: the best window, cut at words, in pieces of plain text."""

import re
from importlib.resources import files
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from untilclick.app.service.snippets import _WORD, Piece, Searched, beginning, snippet
from untilclick.search.analysis.by_name import english

term_of = english().term_of


def text_of(pieces):
    return "".join(piece.text for piece in pieces)


def hits_of(pieces):
    return [piece.text for piece in pieces if piece.hit]


def test_searched_words_are_marked_by_their_index_term():
    pieces = snippet("Deletes a Directory tree, recursively.", Searched("delete directories", ""))
    assert hits_of(pieces) == ["Deletes", "Directory"]
    assert text_of(pieces) == "Deletes a Directory tree, recursively."


def test_words_of_the_rewrite_are_marked_too():
    assert hits_of(snippet("Join a thread", Searched("wait", "wait join"))) == ["Join"]


def test_a_typed_word_counts_more_than_an_added_one():
    assert Searched("wait", "join wait").weights == {"wait": 20, "join": 10}


def test_the_window_with_most_words_is_taken():
    text = "cat " + "filler " * 100 + "cat and dog " + "filler " * 100
    pieces = snippet(text, Searched("cat dog", ""), length=60)
    assert hits_of(pieces) == ["cat", "dog"]
    assert text_of(pieces).startswith("… filler")
    assert text_of(pieces).endswith("filler …")


def test_without_a_searched_word_it_is_the_beginning():
    pieces = snippet("one two three four five", Searched("zebra", ""), length=12)
    assert pieces == (Piece("one two …", False),)


def test_nothing_gives_nothing():
    assert snippet("", Searched("cat", "")) == ()
    assert snippet("  \n ", Searched("", "")) == ()


def test_markup_stays_text():
    text = "<b>cat</b> & <img src=x onerror=alert(1)>"
    assert text_of(snippet(text, Searched("cat img", ""))) == text


def test_white_space_becomes_single():
    assert text_of(snippet("a\n\n  cat\tsat", Searched("cat", ""))) == "a cat sat"


@given(st.text(max_size=400), st.text(max_size=30), st.integers(1, 120))
def test_any_text_gives_bounded_pieces_of_itself(text, query, length):
    pieces = snippet(text, Searched(query, ""), length)
    shown = text_of(pieces).strip("… ")
    squeezed = " ".join(text.split())
    assert len(shown.split()) <= len(text.split()) + 1
    assert all(piece.text for piece in pieces)
    assert "".join(shown.split()) in "".join(squeezed.split())
    assert all(a.hit != b.hit for a, b in pairwise(pieces))


WORDS = ("dye", "dying", "die", "studies", "study", "skies", "sky", "İst", "ISTANBUL", "a_die", "xdie", "News")


def every_hit(text, searched):
    """The same hits, by analysing every word."""
    words = [(match.start(), match.end(), term_of(match.group())) for match in _WORD.finditer(text)]
    return [hit for hit in words if hit[2] in searched.weights]


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_no_searched_word_is_passed_over(words):
    text, searched = " ".join(words), Searched("die tying study sky ist news", "istanbul dyes")
    assert [(hit.start, hit.end, hit.term) for hit in searched.hits(text)] == every_hit(text, searched)


def test_a_query_of_many_words_is_marked_all_the_same():
    many = " ".join(f"word{i}x" for i in range(200)) + " quick"
    assert hits_of(snippet("A quick fox, word7x.", Searched(many, ""))) == ["quick", "word7x"]


def test_english_words_begin_as_their_terms_do():
    listed = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig")
    words = [word for word in re.findall(r"^(\w+) ", listed, re.MULTILINE) if term_of(word)]
    assert len(words) > 80_000
    for word in words:
        assert word.startswith(beginning(term_of(word))), word
