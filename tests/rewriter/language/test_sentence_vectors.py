"""The vectors of prompts: each text is encoded once, and sessions are summed."""

from __future__ import annotations

from copy import deepcopy

import numpy as np

from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.language.sentence_vectors import SentenceVectors
from untilclick.search.text.encoders.query_vectors import QueryVectors
from untilclick.search.text.encoders.session_vector import session_vector

from tests.fake_encoder import DIMENSION, FakeEncoder


def prompt(*texts: str) -> Prompt:
    return Prompt((1,), (), texts)


def test_a_prompt_has_the_vector_of_its_session():
    encoder = FakeEncoder()
    vectors = SentenceVectors.for_training(encoder).of(
        [prompt("copy a folder", "folder"), prompt("folder"), prompt()]
    )
    now, before = encoder.encode(["copy a folder", "folder"], "query")
    assert np.allclose(vectors[0], session_vector(np.stack([now, before])))
    assert np.allclose(vectors[1], before)
    assert vectors.shape == (3, DIMENSION)
    assert not vectors[2].any()


def test_texts_are_encoded_once():
    encoder = FakeEncoder()
    sentences = SentenceVectors.for_training(encoder)
    first = sentences.of([prompt("oven", "dough"), prompt("dough")])
    assert encoder.encoded == ["oven", "dough"]
    again = sentences.of([prompt("star"), prompt("oven", "dough")])
    assert encoder.encoded == ["oven", "dough", "star"]
    assert np.array_equal(first[0], again[1])


def test_the_texts_used_last_are_kept():
    encoder = FakeEncoder()
    sentences = SentenceVectors(QueryVectors(encoder, 2))
    vectors = sentences.of([prompt("a"), prompt("b"), prompt("c")])  # more than are kept
    assert np.array_equal(
        vectors, SentenceVectors.for_training(FakeEncoder()).of([prompt("a"), prompt("b"), prompt("c")])
    )
    sentences.of([prompt("b"), prompt("a")])
    assert encoder.encoded == ["a", "b", "c", "a"]


def test_copies_share_the_encoder():
    sentences = SentenceVectors.for_training(FakeEncoder())
    assert deepcopy({"policy": sentences})["policy"] is sentences
