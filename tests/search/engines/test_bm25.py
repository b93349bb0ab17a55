"""The formula by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from untilclick.search.engines.bm25 import idf, quantise_lengths, saturation, weight_matrix
from untilclick.search.records import Document
from untilclick.search.text.term_index import TermIndex


@pytest.mark.parametrize(
    ("document_frequency", "n", "expected"),
    [(1, 1, math.log(4 / 3)), (1, 3, math.log(8 / 3)), (3, 3, math.log(8 / 7))],
)
def test_idf_is_the_one_of_lucene_and_never_negative(document_frequency, n, expected):
    assert idf(np.array([document_frequency]), n)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("tf", "ratio", "k1", "b", "expected"),
    [(1, 1.0, 1.0, 0.5, 0.5), (3, 1.0, 1.0, 0.5, 0.75), (1, 2.0, 1.0, 0.5, 0.4), (0, 1.0, 1.2, 0.75, 0.0)],
)
def test_saturation_of_hand_computed_rows(tf, ratio, k1, b, expected):
    assert saturation(np.float32([tf]), np.float32([ratio]), k1, b)[0] == pytest.approx(expected)


def test_lengths_are_exact_below_forty_and_rounded_down_above():
    lengths = np.float32([0, 1, 39, 40, 41, 42, 56, 59, 60, 100, 1000])
    assert quantise_lengths(lengths).tolist() == [0, 1, 39, 40, 40, 42, 56, 56, 60, 96, 984]


def test_weight_matrix_of_two_documents_by_hand():
    index = TermIndex.from_documents([Document("1", "", "cat cat"), Document("2", "", "dog")])
    matrix = weight_matrix(index, 1.0, 0.0, quantise=False).toarray()
    assert index.terms == ("cat", "dog")
    assert matrix == pytest.approx(np.array([[math.log(2) * 2 / 3, 0.0], [0.0, math.log(2) * 0.5]]))
