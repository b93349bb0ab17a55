"""Bounds of the difference of rankings that have unknown documents."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.rewriter.judging.partial_judgments import difference_bounds, unknown_share

KNOWN = [f"k{i}" for i in range(10)]
UNSEEN = [f"u{i}" for i in range(10)]
GRADES = st.lists(st.sampled_from([0.0, 0.25, 1.0]), min_size=10, max_size=10)


def bounds(a, b, grades):
    lower, upper = difference_bounds([list(a)], [list(b)], [grades])
    return float(lower[0]), float(upper[0])


def test_known_documents_give_the_difference():
    """b is relevant: at rank 2 in the first ranking, at rank 1 in the other."""
    low, high = bounds("ab", "ba", {"a": 0, "b": 1})
    assert low == high == pytest.approx(1 / np.log2(3) - 1)
    assert bounds("ab", "ab", {}) == (0, 0)
    assert bounds("", "", {"a": 1}) == (0, 0)


def test_an_unknown_document_counts_as_not_relevant_or_as_the_best_that_it_displaces():
    second = 1 / np.log2(3)
    assert bounds("xb", "bx", {"b": 1}) == pytest.approx((second - 1, 0))
    assert bounds("xb", "bc", {"b": 1, "c": 0}) == pytest.approx((second - 1, second))
    assert bounds("bx", "bc", {"b": 1, "c": 0}) == pytest.approx((0, 0))  # no known document is relevant at rank 2


def test_an_unknown_document_may_be_as_good_as_known_ones_at_its_rank():
    """The known documents at rank 1 gain 0 and 1, .5 in the mean. Where `a` is relevant, `x` may be as good."""
    first, second = ["x", "c"], ["a", "c"]
    lower, upper = difference_bounds([first] * 2, [second] * 2, [{"a": 0, "c": 0, "e": 1}, {"a": 1, "c": 0}])
    assert (lower[0], upper[0]) == (0, 0.5)
    assert (lower[1], upper[1]) == (-1, 0)


def test_both_sides_are_treated_alike():
    rng = np.random.default_rng(0)
    names = [*KNOWN, *UNSEEN]
    a, b = ([list(rng.permutation(names)[:10]) for _ in range(20)] for _ in range(2))
    grades = [dict(zip(KNOWN, rng.random(10), strict=True)) for _ in range(20)]
    there, back = difference_bounds(a, b, grades), difference_bounds(b, a, grades)
    assert there.lower == pytest.approx(-back.upper)
    assert there.upper == pytest.approx(-back.lower)
    assert (there.lower < there.upper).all()


@given(GRADES, st.lists(st.integers(0, 10), max_size=10))
def test_documents_that_nobody_was_shown_never_make_a_version_worse_or_better(grades, places):
    """Any number of them, put anywhere into the other's ranking."""
    ranking = list(KNOWN)
    for place, doc_id in zip(places, UNSEEN, strict=False):
        ranking.insert(place, doc_id)
    low, high = bounds(ranking, KNOWN, dict(zip(KNOWN, grades, strict=True)))
    assert low <= 1e-9
    assert high >= -1e-9


def test_the_share_of_unknown_documents_is_that_of_the_first_ten():
    assert unknown_share([["a", "x"], ["y"], KNOWN + UNSEEN], [{"a": 0}, {}, dict.fromkeys(KNOWN, 0)]) == 2 / 13
    assert unknown_share([[]], [{}]) == 0
