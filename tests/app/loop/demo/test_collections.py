"""The topics that a demo trains and evaluates on, for collections of all kinds."""

from __future__ import annotations

import pytest

from untilclick.app.loop.demo.collections import choose_topics
from untilclick.search.corpora.jsonl_docs import read_documents
from untilclick.search.corpora.load import corpus_of
from untilclick.search.errors import DataError
from untilclick.search.records import Collection, Topic

from tests.app.small_corpus import write_corpus

TOPIC = Topic("q1", "anchor storm", {"d003": 1})


@pytest.fixture
def documents(tmp_path):
    return read_documents(write_corpus(tmp_path / "documents.jsonl"))


def _collection(documents, queries, **splits):
    return Collection(corpus_of("hand-made", documents), splits, queries)


def test_a_collection_with_everything_is_used_as_it_is(documents):
    collection = _collection(documents, "real", train=(TOPIC,), dev=(TOPIC,), test=(TOPIC,))
    assert choose_topics(collection, 0) == (collection, collection, "dev", ())


def test_made_topics_are_evaluated_on_test(documents):
    collection = _collection(documents, "made", train=(TOPIC,), dev=(TOPIC,), test=(TOPIC,))
    assert choose_topics(collection, 0)[2] == "test"


def test_real_topics_without_dev_are_evaluated_on_test(documents):
    assert choose_topics(_collection(documents, "real", train=(TOPIC,), test=(TOPIC,)), 0)[2] == "test"


def test_without_training_topics_they_are_made_and_a_note_says_so(documents):
    collection = _collection(documents, "real", test=(TOPIC,))
    training, held_out, split, notes = choose_topics(collection, 0)
    assert training.queries == "made"
    assert training.topics["train"]
    assert (held_out, split) == (collection, "test")
    assert "made from its documents" in notes[0]


def test_without_held_out_topics_they_are_made_and_a_note_says_so(documents):
    collection = _collection(documents, "real", train=(TOPIC,))
    training, held_out, split, notes = choose_topics(collection, 0)
    assert training == collection
    assert held_out.queries == "made"
    assert split == "test"
    assert "no held-out topics" in notes[0]


def test_too_few_documents_for_topics_are_a_clear_mistake(documents):
    collection = Collection(corpus_of("three", documents[:1]), {}, "made")
    with pytest.raises(DataError, match="too few documents"):
        choose_topics(collection, 0)
