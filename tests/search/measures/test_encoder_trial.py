"""The trial of an encoder on queries that are made from documents."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

import numpy as np
import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.measures.encoder_trial import (
    EncoderTrial,
    HeldOut,
    _reciprocal_ranks,
    held_out_queries,
    try_encoder,
    usable_encoder,
)
from untilclick.search.records import Document
from untilclick.search.text.encoders.opened import OpenedEncoder

from tests.fake_encoder import FakeEncoder

THINGS = [f"{first}{second}" for first in ("red", "blue", "tall", "old", "wet", "dry") for second in "abcdefgh"]

# Each title says in words of its own what the text says; only half of the words of a text tell it apart.
DOCUMENTS = [
    Document(thing, f"about {thing}word", f"this text is of {thing}term and of nothing else") for thing in THINGS
]


def meaning(text: str) -> np.ndarray:
    """The same direction for a thing's word and its term."""
    thing = re.search(r"\w+(?=word|term)", text)
    seed = int.from_bytes(hashlib.sha256((thing[0] if thing else text).encode()).digest()[:8], "big")
    return np.random.default_rng(seed).normal(size=16)


def noise(text: str) -> np.ndarray:
    """A direction that has nothing to do with the meaning."""
    return np.random.default_rng(len(text) * 1009 + sum(map(ord, text))).normal(size=16)


def test_an_encoder_that_knows_what_words_mean_is_used(tmp_path):
    trial = try_encoder(DOCUMENTS, FakeEncoder(meaning), english(), tmp_path)
    assert trial.n == len(THINGS)
    assert trial.bm25 < 0.1
    assert trial.encoder == trial.both == 1.0
    assert trial.is_passed


def test_an_encoder_that_says_nothing_is_left_out(tmp_path):
    documents = [replace(document, text=f"{document.text}, but of {document.doc_id}word") for document in DOCUMENTS]
    trial = try_encoder(documents, FakeEncoder(noise), english(), tmp_path)
    assert trial.bm25 == 1.0
    assert trial.both < 0.9
    assert not trial.is_passed
    sentence = trial.sentence("toy")
    assert sentence.startswith(
        "The encoder toy does not speak the language of these documents: added to BM25 it lowers"
    )
    assert sentence.count(". ") == 0


def test_an_encoder_that_fails_is_replaced_by_the_reason(tmp_path):
    documents = [replace(document, text=f"{document.text}, but of {document.doc_id}word") for document in DOCUMENTS]
    good, bad = OpenedEncoder(FakeEncoder(meaning)), OpenedEncoder(FakeEncoder(noise))
    assert usable_encoder(good, DOCUMENTS, english(), tmp_path / "good") == good
    without, note = usable_encoder(bad, documents, english(), tmp_path / "bad")
    assert without is None
    assert note.startswith("The encoder fake does not speak the language of these documents")
    none = OpenedEncoder(None, "not installed")
    assert usable_encoder(none, DOCUMENTS, english(), tmp_path) == none


@pytest.mark.parametrize(
    ("n", "both", "passed"),
    [(30, 0.50, True), (30, 0.481, True), (30, 0.479, False), (29, 0.0, True), (0, 0.0, True)],
)
def test_one_standard_error_decides(n, both, passed):
    trial = EncoderTrial(n, bm25=0.5, encoder=0.1, both=both, standard_error=0.02)
    assert trial.is_passed == passed


def test_no_documents_say_nothing(tmp_path):
    assert try_encoder([], FakeEncoder(), english(), tmp_path) == EncoderTrial(0, 0.0, 0.0, 0.0, 0.0)
    assert try_encoder(DOCUMENTS[:1], FakeEncoder(meaning), english(), tmp_path).standard_error == 0.0


@pytest.mark.parametrize(
    ("document", "query", "rest"),
    [
        (Document("d", "Copying", "How a tree is copied. Slowly."), "Copying", "How a tree is copied. Slowly."),
        (Document("d", "", "How a tree is copied. Slowly."), "How a tree is copied.", "Slowly."),
        (Document("d", " ", "copy(src, dst)\n\nHow a tree is copied. Slowly."), "How a tree is copied.", "Slowly."),
        (Document("d", "", "木を複製する。ゆっくりと。"), "木を複製する。", "ゆっくりと。"),
    ],
)
def test_the_query_is_taken_out_of_its_document(document, query, rest):
    assert held_out_queries([document], 0) == [HeldOut(query, Document("d", "", rest))]


@pytest.mark.parametrize(
    "document",
    [
        Document("d", "Copying", "This is about COPYING trees."),  # the text repeats the title
        Document("d", "Copying", " "),
        Document("d", "", "One sentence alone."),
        Document("d", "", ""),
    ],
)
def test_other_documents_give_no_query(document):
    assert held_out_queries([document], 0) == []


def test_a_sample_is_drawn_and_stays_in_corpus_order():
    sample = held_out_queries(DOCUMENTS, seed=1, most=10)
    ids = [each.document.doc_id for each in sample]
    assert len(ids) == 10
    assert ids == sorted(ids, key=THINGS.index)
    assert sample == held_out_queries(DOCUMENTS, seed=1, most=10)
    assert sample != held_out_queries(DOCUMENTS, seed=2, most=10)


def test_ranks_are_those_of_the_document_of_each_query():
    scores = np.full((4, 30), 0.0)
    scores[0, [0, 5, 6]] = 1, 2, 3  # third
    scores[1, [1, 7, 8]] = 2, 2, 2  # first to third
    scores[2, :12], scores[2, 2] = 5, 1  # twelfth
    assert _reciprocal_ranks(scores).tolist() == [1 / 3, 1 / 2, 0, 0]
