"""Snippets: the best window, cut at words, in pieces of plain text."""

import re
from importlib.resources import files
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from untilclick.app.service.snippets import Piece, Searched, snippet
from untilclick.search.analysis.by_name import english

WORD = re.compile(r"[^\W_]+")


def searched(query, rewritten=""):
    """The words of a search in English."""
    return Searched(query, rewritten, english())


def text_of(pieces):
    return "".join(piece.text for piece in pieces)


def hits_of(pieces):
    return [piece.text for piece in pieces if piece.hit]


def test_searched_words_are_marked_by_their_index_term():
    pieces = snippet("Deletes a Directory tree, recursively.", searched("delete directories"))
    assert hits_of(pieces) == ["Deletes", "Directory"]
    assert text_of(pieces) == "Deletes a Directory tree, recursively."


def test_words_of_the_rewrite_are_marked_too():
    assert hits_of(snippet("Join a thread", searched("wait", "wait join"))) == ["Join"]


def test_a_typed_word_counts_more_than_an_added_one():
    assert searched("wait", "join wait").weights == {"wait": 20, "join": 10}


def test_the_window_with_most_words_is_taken():
    text = "cat " + "filler " * 100 + "cat and dog " + "filler " * 100
    pieces = snippet(text, searched("cat dog"), length=60)
    assert hits_of(pieces) == ["cat", "dog"]
    assert text_of(pieces).startswith("… filler")
    assert text_of(pieces).endswith("filler …")


def test_without_a_searched_word_it_is_the_beginning():
    pieces = snippet("one two three four five", searched("zebra"), length=12)
    assert pieces == (Piece("one two …", False),)


def test_nothing_gives_nothing():
    assert snippet("", searched("cat")) == ()
    assert snippet("  \n ", searched("")) == ()


def test_markup_stays_text():
    text = "<b>cat</b> & <img src=x onerror=alert(1)>"
    assert text_of(snippet(text, searched("cat img"))) == text


def test_white_space_becomes_single():
    assert text_of(snippet("a\n\n  cat\tsat", searched("cat"))) == "a cat sat"


@given(st.text(max_size=400), st.text(max_size=30), st.integers(1, 120))
def test_any_text_gives_bounded_pieces_of_itself(text, query, length):
    pieces = snippet(text, searched(query), length)
    shown = text_of(pieces).strip("… ")
    squeezed = " ".join(text.split())
    assert len(shown.split()) <= len(text.split()) + 1
    assert all(piece.text for piece in pieces)
    assert "".join(shown.split()) in "".join(squeezed.split())
    assert all(a.hit != b.hit for a, b in pairwise(pieces))


WORDS = (
    "dye", "dying", "die", "studies", "study", "skies", "sky", "İst", "ISTANBUL", "a_die", "xdie", "News", "newsSky",
)  # fmt: skip


def every_hit(text, sought):
    """The same hits, by analysing every word by itself."""
    words = [(word, set(english().terms(word.group())) & set(sought.weights)) for word in WORD.finditer(text)]
    return [(word.start(), word.end(), terms) for word, terms in words if terms]


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_no_searched_word_is_passed_over(words):
    text, sought = " ".join(words), searched("die tying study sky ist news", "istanbul dyes")
    expected = every_hit(text, sought)
    hits = sought.hits(text)
    assert [(hit.start, hit.end) for hit in hits] == [(start, end) for start, end, _ in expected]
    assert all(hit.term in terms for hit, (_, _, terms) in zip(hits, expected, strict=True))


def test_a_query_of_many_words_is_marked_all_the_same():
    many = " ".join(f"word{i}x" for i in range(200)) + " quick"
    assert hits_of(snippet("A quick fox, word7x.", searched(many))) == ["quick", "word7x"]


def test_every_english_word_is_marked_as_a_whole():
    listed = (files("symspellpy") / "frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig")
    words = [word for word in re.findall(r"^(\w+) ", listed, re.MULTILINE) if english().term_of(word)]
    assert len(words) > 80_000
    text = " ".join(word.capitalize() for word in words)
    hits = [(text[hit.start : hit.end].lower(), hit.term) for hit in searched(text).hits(text)]
    assert hits == [(word, english().term_of(word)) for word in words]


def test_a_phrase_without_spaces_is_one_piece():
    assert hits_of(snippet("我们在北京大学学习。", searched("北京大学"))) == ["北京大学"]


def test_letters_with_accents_are_marked_as_they_are_written():
    """Half of them are two characters: a letter and its accent."""
    text = "La cre\u0300me bru\u0302lée"
    assert hits_of(snippet(text, searched("creme brulee"))) == ["cre\u0300me", "bru\u0302lée"]


def test_stop_words_are_marked_if_nothing_else_is_searched():
    assert hits_of(snippet("To be or not to be", searched("to be"))) == ["To", "be", "to", "be"]
    assert hits_of(snippet("To be a zebra", searched("to be a zebra"))) == ["zebra"]


def test_a_long_word_is_cut_between_characters_and_not_before_their_marks():
    text = "ก่" * 40 + "ขค" + "ก่" * 40
    for length in (20, 21, 22, 23):
        first, hit, last = snippet(text, searched("ขค"), length)
        assert (first.text[:3], hit, last.text[-3:]) == ("… ก", Piece("ขค", True), "่ …")


def test_a_long_word_after_spaces_is_cut():
    """Only an ellipsis was left of it."""
    assert text_of(snippet("  " + "long" * 10, searched("short"), length=12)) == "longlonglo …"
