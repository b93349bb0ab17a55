"""Vectors of queries that are kept."""

import numpy as np

from untilclick.search.text.encoders.query_vectors import QueryVectors

from tests.fake_encoder import FakeEncoder


def test_each_query_is_encoded_once_as_a_query():
    encoder = FakeEncoder()
    vectors = QueryVectors(encoder)
    first = vectors(["sort list", "open file", "sort list"])
    again = vectors(["open file", "read file"])
    assert encoder.encoded == ["sort list", "open file", "read file"]
    assert np.array_equal(first, FakeEncoder().encode(["sort list", "open file", "sort list"]))
    assert np.array_equal(again[0], first[1])


def test_the_longest_unused_are_forgotten():
    encoder = FakeEncoder()
    vectors = QueryVectors(encoder, capacity=2)
    for query in ("a", "b", "a", "c", "a", "b"):
        vectors([query])
    assert encoder.encoded == ["a", "b", "c", "b"]


def test_no_queries_have_no_vectors():
    assert QueryVectors(FakeEncoder())([]).shape == (0, 8)
