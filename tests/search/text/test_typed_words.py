"""What a query says about its unknown words."""

from __future__ import annotations

import pytest

from untilclick.search.text.typed_words import Letters, QueryContext, deliberate_words, query_context, same_script


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("read NumPy arrays", {"numpy"}),
        ("gRPC over HTTP", {"grpc", "http"}),
        ("Rope And Tide", set()),
        ("ROPE AND TIDE", set()),
        ("I sail", set()),
        ("ROPES tide", {"ropes"}),
        ("ANCHORS tide", set()),
        ("snake_Case McArthur", {"mcarthur"}),
        ("", set()),
    ],
)
def test_capitals_after_the_first_letter_are_meant(query, words):
    assert deliberate_words(query) == words


@pytest.mark.parametrize(
    ("n_others", "n_familiar", "n_foreign", "expected"),
    [
        (0, 0, 0, QueryContext.NONE),
        (1, 1, 0, QueryContext.FAMILIAR),
        (1, 0, 1, QueryContext.NONE),
        (2, 1, 1, QueryContext.FAMILIAR),
        (3, 1, 2, QueryContext.FOREIGN),
        (4, 0, 1, QueryContext.NONE),
    ],
)
def test_the_context_of_a_word(n_others, n_familiar, n_foreign, expected):
    assert query_context(n_others, n_familiar, n_foreign) == expected


def test_rare_accents_do_not_become_letters_of_the_corpus():
    letters = Letters([*("rope" for _ in range(999)), "café"])
    assert letters.spell("cafe")
    assert letters.spell("xyz")
    assert not letters.spell("café")
    assert not letters.spell("парус")
    assert Letters(["größe", "meer"]).spell("grösse")


def test_letters_of_another_script_are_those_of_the_whole_script():
    letters = Letters(["парус", "корабль"])
    assert letters.spell("щука")
    assert not letters.spell("rope")
    assert not letters.spell("пapyc")
    assert not Letters(["削除"]).spell("削除")
    assert not Letters([]).spell("rope")


def test_words_of_the_same_script():
    assert same_script("rope", "tide")
    assert same_script("größe", "rope")
    assert not same_script("с", "s")
    assert same_script("парус", "мачта")
