"""Documents from JSON lines."""

from __future__ import annotations

import logging

import pytest

from untilclick.search.corpora.jsonl_docs import read_documents
from untilclick.search.errors import DataError
from untilclick.search.records import Document


def test_ids_titles_and_texts_are_read_in_order(tmp_path):
    path = tmp_path / "docs.jsonl"
    path.write_text(
        '{"_id": "a", "title": "T", "text": "one"}\n'
        '{"doc_id": 2, "text": "two"}\n'
        '{"id": "c", "title": null, "text": "3"}'
    )
    assert read_documents(path) == (Document("a", "T", "one"), Document("2", "", "two"), Document("c", "", "3"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "x"}', r":2: no id; the fields are \['text'\]\. Give the record an id in one of _id, doc_id, id"),
        ('{"_id": 1.5, "text": "x"}', r":2: the id is 1\.5, not a text or whole number"),
        ('{"_id": true, "text": "x"}', r":2: the id is True"),
        ('{"_id": " ", "text": "x"}', r":2: the id is ' '"),
        (
            '{"_id": "a", "text": "x"}',
            r":2: document id 'a' was already used on line 1\. Give every document its own",
        ),
        ('{"_id": "b"}', r":2: `text` is missing, not a text"),
        ('{"_id": "b", "text": 7}', r":2: `text` is 7, not a text"),
        ('{"_id": "b", "title": [], "text": "x"}', r":2: `title` is \[\], not a text"),
        ('{"_id": "b", "text": " \\n"}', r":2: document 'b' has neither title nor text\. Fill in"),
        ('{"_id": "b", "text": "x \\ud800"}', r":2: `text` has half of a surrogate pair at character 3"),
    ],
)
def test_a_bad_record_is_named(tmp_path, line, message):
    path = tmp_path / "docs.jsonl"
    path.write_text('{"_id": "a", "text": "fine"}\n' + line)
    with pytest.raises(DataError, match=message):
        read_documents(path)


def test_a_file_without_documents_is_refused(tmp_path):
    (tmp_path / "docs.jsonl").write_text("\n\n")
    with pytest.raises(DataError, match="holds no document"):
        read_documents(tmp_path / "docs.jsonl")


def test_empty_documents_of_a_published_collection_are_kept_and_counted(tmp_path, caplog):
    path = tmp_path / "docs.jsonl"
    path.write_text('{"_id": "a", "text": "fine"}\n{"_id": "b", "text": ""}')
    with caplog.at_level(logging.WARNING):
        assert len(read_documents(path, allow_empty=True)) == 2
    assert "1 of 2 documents have neither title nor text" in caplog.text
