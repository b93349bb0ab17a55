"""Edits between words, their kinds, and the scores that stand on them."""

from __future__ import annotations

import math

import pytest
from symspellpy.editdistance import DistanceAlgorithm, EditDistance

from untilclick.search.text.typo_model import WEIGHTS, edits, evidence, features, kind


@pytest.mark.parametrize(
    ("typed", "intended", "kinds"),
    [
        ("anchor", "anchor", []),
        ("acnhor", "anchor", ["swap"]),
        ("anchir", "anchor", ["vowel"]),
        ("ankhor", "anchor", ["sound"]),
        ("atchor", "anchor", ["other"]),
        ("amchor", "anchor", ["sound"]),
        ("anxhor", "anchor", ["key"]),
        ("ancor", "anchor", ["drop_consonant"]),
        ("anchr", "anchor", ["drop_vowel"]),
        ("harbor", "harbour", ["drop_vowel"]),
        ("comon", "common", ["undouble"]),
        ("commmon", "common", ["double"]),
        ("annchor", "anchor", ["double"]),
        ("ancvhor", "anchor", ["add_key"]),
        ("anechor", "anchor", ["add_vowel"]),
        ("anlchor", "anchor", ["add_consonant"]),
        ("nachro", "anchor", ["swap", "swap"]),
    ],
)
def test_edits_and_their_kinds(typed, intended, kinds):
    assert [kind(edit) for edit in edits(typed, intended)] == kinds


def test_there_are_as_few_edits_as_another_library_counts():
    words = ["anchor", "ancor", "nachor", "a", "chronicle", "chornicel", "rope", "ropes", "propre", "tide", "edit"]
    distance = EditDistance(DistanceAlgorithm.DAMERAU_OSA)
    for a in words:
        for b in words:
            assert len(edits(a, b)) == distance.compare(a, b, 20)


def test_scores_are_sums_of_weights():
    score = evidence("tyde", "tide", 1e-4)
    length = math.log(4)
    choice = WEIGHTS["vowel"].choice + WEIGHTS["log_frequency"].choice * math.log(100)
    assert score.choice == pytest.approx(choice)
    trust = WEIGHTS["vowel"].trust + WEIGHTS["log_frequency"].trust * math.log(100) + WEIGHTS["constant"].trust
    assert score.trust == pytest.approx(trust + WEIGHTS["log_length"].trust * length)
    assert score.n_edits == 1


def test_features_stand_in_the_order_of_the_weights():
    row = dict(zip(WEIGHTS, features("nachro", "anchor", 1.0), strict=True))
    assert (row["swap"], row["first"], row["last"], row["two"], row["constant"]) == (2, 1, 1, 1, 1)
    assert row["two_log_length"] == row["log_length"] == math.log(6)
    assert row["log_frequency"] == 7.0
    assert sum(row[name] != 0 for name in WEIGHTS) == 8


@pytest.mark.parametrize(
    ("likelier", "less_likely"),
    [
        (("teh", "the"), ("xhe", "the")),
        (("lighthose", "lighthouse"), ("linghthouse", "lighthouse")),
        (("recieve", "receive"), ("receiva", "receive")),
        (("barometter", "barometer"), ("mbarometer", "barometer")),
        (("ocurrence", "occurrence"), ("okurrenc", "occurrence")),
    ],
)
def test_typical_slips_are_trusted_more(likelier, less_likely):
    assert evidence(*likelier, 1e-4).trust > evidence(*less_likely, 1e-4).trust


def test_longer_words_are_trusted_more():
    assert evidence("barometr", "barometer", 1e-4).trust > evidence("ropr", "roper", 1e-4).trust
