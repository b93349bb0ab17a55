"""The heaviest entries, against sorting everything."""

import numpy as np
import pytest

from untilclick.search.text.heaviest import heaviest


@pytest.mark.parametrize(("n", "expected"), [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2, 0]), (9, [1, 2, 0])])
def test_equal_weights_come_in_order_of_their_places(n, expected):
    assert heaviest(np.array([1.0, 3.0, 3.0]), n).tolist() == expected


@pytest.mark.parametrize("ties", [np.array([0, 9, 5]), ["a", "z", "k"]])
def test_ties_are_broken_by_numbers_or_by_words(ties):
    assert heaviest(np.array([1.0, 3.0, 3.0]), 2, ties).tolist() == [2, 1]


@pytest.mark.parametrize("n", [0, 3])
def test_no_weights_have_no_heaviest(n):
    assert heaviest(np.empty(0), n).tolist() == []
    assert heaviest(np.empty(0), n, ties=[]).tolist() == []


@pytest.mark.parametrize("size", [10, 1000, 5000])
@pytest.mark.parametrize("n", [1, 7, 10_000])
def test_the_n_heaviest_are_the_first_of_all_sorted(size, n):
    """Rounded to two digits, so that many are equal, the n-th heaviest among them."""
    rng = np.random.default_rng(size)
    weights, ties = rng.random(size).round(2), rng.permutation(size)
    names = [f"{number:05d}" for number in ties]
    assert heaviest(weights, n).tolist() == np.argsort(-weights, kind="stable")[:n].tolist()
    assert heaviest(weights, n, ties).tolist() == np.lexsort((ties, -weights))[:n].tolist()
    assert heaviest(weights, n, names).tolist() == heaviest(weights, n, ties).tolist()


def test_words_that_break_ties_are_ordered_by_code_point():
    words = ["é", "z", "\U0001f600", "a", "\uffee"]
    assert heaviest(np.ones(5), 5, words).tolist() == sorted(range(5), key=words.__getitem__)
