"""A collection that is opened once and shared."""

from __future__ import annotations

import json

import pytest

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora import opened as opened_module
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError
from untilclick.search.records import Collection


def test_a_source_is_loaded_and_indexed(tmp_path):
    path = tmp_path / "documents.jsonl"
    rows = [{"_id": str(i), "title": f"Title {i}", "text": f"alpha word{i} " * 8} for i in range(5)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    collection = OpenedCollection.load(str(path), "tantivy")
    assert len(collection.index.doc_ids) == 5
    assert collection.spelling.is_known("alpha")
    assert collection.engine_name == "tantivy"


def test_a_language_is_guessed_once_for_documents_and_topics(tmp_path, monkeypatch):
    path = tmp_path / "documents.jsonl"
    path.write_text("".join(json.dumps({"_id": str(i), "text": f"alpha word{i}"}) + "\n" for i in range(5)))
    guessed = []
    monkeypatch.setattr(opened_module, "analysis_of_language", lambda *of: guessed.append(of) or english())
    assert OpenedCollection.load(str(path)).analysis is english()
    assert len(guessed) == 1


def test_a_source_that_is_not_there_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        OpenedCollection.load(str(tmp_path / "nowhere"), "tantivy")


def test_other_topics_share_index_speller_and_engine(toy_collection):
    opened = OpenedCollection.of(toy_collection, "rank-bm25")
    other = opened.with_topics(Collection(toy_collection.corpus, {}, "made"))
    assert other.collection.topics == {}
    assert other.engine is opened.engine
    assert (other.index, other.spelling) == (opened.index, opened.spelling)


def test_the_engine_is_opened_at_its_first_use_only(toy_collection):
    calls = []
    opened = OpenedCollection.of(toy_collection, "tantivy", lambda: calls.append(1))
    assert not calls
    assert opened.engine is opened.engine
    assert calls == [1]
