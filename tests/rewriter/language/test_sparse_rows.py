"""Rows and heaviest entries, against sorting everything."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from untilclick.rewriter.language.sparse_rows import MANY, entries_of, heaviest


def test_entries_are_those_of_the_row_as_they_are_stored():
    matrix = csr_array(([3.0, 1.0, 2.0], [2, 0, 1], [0, 2, 2, 3]), shape=(3, 3))
    found = [[part.tolist() for part in entries_of(matrix, row)] for row in range(3)]
    assert found == [[[2, 0], [3.0, 1.0]], [[], []], [[1], [2.0]]]


@pytest.mark.parametrize(("n", "expected"), [(0, []), (1, [1]), (2, [1, 2]), (3, [1, 2, 0]), (9, [1, 2, 0])])
def test_equal_weights_come_in_order_of_their_places(n, expected):
    assert heaviest(np.array([1.0, 3.0, 3.0]), n).tolist() == expected


def test_ties_are_broken_as_told():
    assert heaviest(np.array([1.0, 3.0, 3.0]), 2, ties=np.array([0, 9, 5])).tolist() == [2, 1]


@pytest.mark.parametrize("size", [10, MANY, 5 * MANY])
@pytest.mark.parametrize("n", [1, 7, 10 * MANY])
def test_many_weights_are_ordered_as_few(size, n):
    """Rounded to two digits, so that many are equal, the n-th heaviest among them."""
    rng = np.random.default_rng(size)
    weights, ties = rng.random(size).round(2), rng.permutation(size)
    assert heaviest(weights, n).tolist() == np.argsort(-weights, kind="stable")[:n].tolist()
    assert heaviest(weights, n, ties).tolist() == np.lexsort((ties, -weights))[:n].tolist()
