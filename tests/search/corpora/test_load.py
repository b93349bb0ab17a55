"""Loading of documents and topics from every source."""

from __future__ import annotations

import pytest

from untilclick.search.corpora.load import corpus_of, fingerprint, load_collection, load_corpus
from untilclick.search.errors import DataError
from untilclick.search.records import Document


def test_equal_content_has_equal_fingerprints_and_any_change_another():
    documents = [Document("1", "a", "b"), Document("2", "", "c")]
    same = fingerprint(documents)
    assert len(same) == 16
    assert int(same, 16) >= 0
    assert fingerprint(list(documents)) == same
    changed = [
        documents[::-1],
        documents[:1],
        [Document("1", "ab", ""), documents[1]],
        [Document("1", "", "ab"), documents[1]],
        [Document("1a", "", "b"), documents[1]],
    ]
    assert len({same, *map(fingerprint, changed)}) == 6


def test_a_corpus_knows_its_source_and_fingerprint():
    corpus = corpus_of("somewhere", iter([Document("1", "", "a")]))
    assert corpus.source == "somewhere"
    assert corpus.fingerprint == fingerprint(corpus.documents)


def test_a_file_of_documents_gets_made_topics_per_split(tmp_path):
    path = tmp_path / "docs.jsonl"
    lines = [
        f'{{"_id": "{i}", "title": "Item {i}", "text": "alpha{i} beta gamma{i} delta epsilon"}}' for i in range(60)
    ]
    path.write_text("\n".join(lines))
    collection = load_collection(str(path))
    assert collection.queries == "made"
    assert set(collection.topics) == {"train", "dev", "test"}
    assert load_collection(str(path)) == collection
    assert load_corpus(str(path)) == collection.corpus


def test_an_unknown_source_names_the_choices():
    for load in (load_collection, load_corpus):
        with pytest.raises(DataError, match=r"nowhere: no such file or folder\. Use stdlib, a BEIR folder"):
            load("nowhere")
