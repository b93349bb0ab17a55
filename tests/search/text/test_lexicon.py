"""The words that are correct whatever a corpus holds."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.search.text.lexicon import Lexicon, shipped_lexicon


def test_a_lexicon_has_its_words_and_no_others(tmp_path):
    lexicon = Lexicon.of(["rope", "tide"], ["größe", "шторм"])
    assert all(word in lexicon for word in ("rope", "tide", "größe", "шторм"))
    assert not any(word in lexicon for word in ("", "ropes", "GRÖSSE", "\ud800", "x" * 5000))
    assert lexicon.is_common("tide")
    assert not lexicon.is_common("шторм")


def test_a_saved_lexicon_has_the_same_words(tmp_path, monkeypatch):
    words = [f"word{i}" for i in range(500)]
    Lexicon.of(words[:200], words[200:]).save(tmp_path / "lexicon.npz")
    monkeypatch.setattr("untilclick.search.text.lexicon.files", lambda package: tmp_path)
    shipped_lexicon.cache_clear()
    try:
        read = shipped_lexicon()
        assert [read.is_common(word) for word in words] == [True] * 200 + [False] * 300
        assert all(word in read for word in words)
        assert "word500" not in read
    finally:
        shipped_lexicon.cache_clear()


def test_an_empty_lexicon_has_no_words():
    empty = Lexicon(np.array([], dtype=np.uint32), np.array([], dtype=np.uint32))
    assert "word" not in empty
    assert not empty.is_common("")


@pytest.mark.parametrize(
    "word",
    [
        "weather", "django", "tachycardia", "plaintiff", "marinade", "zucchini", "hamburg", "giovanni", "kaffee",
        "größe", "groesse", "grosse", "bibliothèque", "bibliotheque", "desayuno", "colazione", "lekker", "хлеб",
        "ordner",
    ],
)  # fmt: skip
def test_the_shipped_lexicon_spans_fields_and_languages(word):
    assert word in shipped_lexicon()


@pytest.mark.parametrize("word", ["recieve", "seperate", "definately", "occured", "lighthuose", "barometter"])
def test_the_shipped_lexicon_has_no_misspellings(word):
    assert word not in shipped_lexicon()
