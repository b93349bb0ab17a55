"""Real misspellings and slips."""

import importlib.util
import string

import numpy as np
import pytest
from symspellpy.editdistance import DistanceAlgorithm, EditDistance

from untilclick.search.errors import MissingDependencyError
from untilclick.search.text.keyboard import neighbours
from untilclick.search.users.misspellings import MIN_SLIP_LENGTH, Misspellings, load_misspellings, part_of, slip


def test_the_list_knows_the_classics():
    misspellings = load_misspellings()
    assert "definately" in misspellings.of("definitely")
    assert "recieve" in misspellings.of("receive")
    assert misspellings.of("qqqq") == ()


def test_train_and_test_halves_share_nothing_and_make_the_whole():
    def pairs(part):
        return {(wrong, right) for right, wrongs in load_misspellings(part).listed.items() for wrong in wrongs}

    train, test = pairs("train"), pairs("test")
    assert not train & test
    assert train | test == pairs("all")
    assert 0.45 < len(train) / len(train | test) < 0.55


def test_the_halves_are_the_same_on_every_machine():
    assert [part_of(w) for w in ("recieve", "definately", "seperate", "teh")] == ["train", "train", "train", "test"]


def test_every_listed_misspelling_is_one_word_that_differs_from_its_correction():
    for right, wrongs in load_misspellings().listed.items():
        assert right.isalpha()
        assert all(wrong.isalpha() and wrong != right for wrong in wrongs)


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    load_misspellings.cache_clear()
    with pytest.raises(MissingDependencyError, match=r"codespell.*untilclick\[train\]"):
        load_misspellings("train")


def test_a_slip_is_small_changes_the_word_and_spares_its_first_letter():
    rng = np.random.default_rng(1)
    compare = EditDistance(DistanceAlgorithm.DAMERAU_OSA).compare
    kinds = set()
    for word in ("directory", "function", "able", "xxxx", "queue", "naïve"):
        for _ in range(200):
            wrong = slip(word, rng)
            assert wrong != word
            assert wrong[0] == word[0]
            assert 1 <= compare(word, wrong, 5) <= 3
            kinds.add(len(wrong) - len(word))
    assert {-1, 0, 1} <= kinds


@pytest.mark.parametrize("word", ["", "a", "abc"])
def test_words_too_short_for_a_slip_stay(word):
    assert len(word) < MIN_SLIP_LENGTH
    assert slip(word, np.random.default_rng(0)) == word


def test_slips_are_those_of_letters_and_not_of_whole_characters():
    rng = np.random.default_rng(0)
    assert all(slip(word, rng) == word for word in ("開発環境設定", "프로그래밍", "开发环境"))
    assert slip("プログラミング", rng) != "プログラミング"


def test_letters_slip_to_keys_next_to_them():
    keys = neighbours()
    assert set(keys) == set(string.ascii_lowercase)
    assert set(keys["s"]) == set("awedxz")
    assert all(a in keys[b] for a in keys for b in keys[a])


def test_the_share_of_real_misspellings_is_as_asked():
    words = Misspellings({"receive": ("recieve",)})
    rng = np.random.default_rng(2)
    real = sum(words.misspell("receive", 0.7, rng) == "recieve" for _ in range(4000)) / 4000
    assert real == pytest.approx(0.7, abs=0.06)  # some slips happen to be the listed one
    assert all(words.misspell("receive", 1.0, rng) == "recieve" for _ in range(20))
    assert words.misspell("unlisted", 1.0, rng) != "unlisted"


def test_equal_generators_misspell_alike():
    def draw():
        rng = np.random.default_rng(3)
        return [slip("regular", rng) for _ in range(20)]

    assert draw() == draw()
