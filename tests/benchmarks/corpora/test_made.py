"""Sampling of a collection, queries that are left out, and the written folder."""

from __future__ import annotations

import pytest

from untilclick.search.corpora.load import load_collection
from untilclick.search.errors import DataError
from untilclick.search.records import Document, Topic

from benchmarks.corpora.made import KnownItem, MadeCorpus, Size, copied, known_items, thinned, write_beir

DOCUMENTS = tuple(Document(f"d{i}", f"title {i}", f"text number {i}") for i in range(20))
MADE = MadeCorpus(DOCUMENTS, tuple(Topic(f"q{i}", f"query {i}", {f"d{i}": 1}) for i in range(10)))


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("sine function", "returns the sine functions of x", True),
        ("the sine function", "sine function", True),
        ("sine function", "a function, not the sine", False),
        ("sine function", "sine", False),
        ("", "anything", True),
    ],
)
def test_a_query_is_copied_if_its_terms_follow_each_other_in_the_text(query, text, expected):
    assert copied(query, text) is expected


def test_known_items_leave_out_short_copied_and_ambiguous_queries():
    first, second, third = DOCUMENTS[:3]
    pairs = [
        ("colour of a room", first),
        ("room", second),
        ("text number 2", third),
        ("twice asked", second),
    ]
    items = [KnownItem(*pair) for pair in (*pairs, ("Twice asked", third))]
    assert list(known_items(items, 2)) == [Topic("d0", "colour of a room", {"d0": 1})]


def test_a_sample_keeps_relevant_documents_and_order_and_depends_on_the_seed_alone():
    size = Size(documents=8, topics=5, seed=3)
    sample = thinned(MADE, size)
    assert len(sample.documents) == 8
    assert len(sample.topics) == 5
    ids = [document.doc_id for document in sample.documents]
    assert ids == sorted(ids, key=lambda doc_id: int(doc_id[1:]))
    assert {doc_id for topic in sample.topics for doc_id in topic.relevance} <= set(ids)
    assert thinned(MADE, size) == sample
    assert thinned(MADE, Size(documents=8, topics=5, seed=4)) != sample
    assert thinned(MADE, Size()) == MADE


def test_more_relevant_documents_than_allowed_are_refused():
    with pytest.raises(DataError, match="10 topics have 10 relevant documents, more than the 4 allowed"):
        thinned(MADE, Size(documents=4))


def test_the_folder_is_read_as_a_collection_with_one_split(tmp_path):
    corpus = MadeCorpus(DOCUMENTS, (*MADE.topics, Topic("q#?", "a “quoted” one", {"d11": 2, "d12": 1})))
    read = load_collection(str(write_beir(corpus, tmp_path / "made")))
    assert read.corpus.documents == corpus.documents
    assert read.topics == {"dev": corpus.topics}
    assert read.queries == "real"
