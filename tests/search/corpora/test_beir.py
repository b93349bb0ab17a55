"""BEIR folders, hand-made and real."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path

import pytest

from untilclick.search.corpora import beir
from untilclick.search.corpora.load import load_collection
from untilclick.search.errors import DataError
from untilclick.search.records import Topic

SHARED = Path(__file__).parents[4] / "shared" / "data"
HEADER = "query-id\tcorpus-id\tscore\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two documents, two queries, two splits."""
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl.gz").write_bytes(
        gzip.compress(b'{"_id": "1", "title": "One", "text": "first"}\n{"_id": "2", "text": "second"}\n')
    )
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "alpha"}\n{"_id": "q2", "text": "beta"}\n')
    (tmp_path / "qrels" / "train.tsv").write_text(HEADER + "q1\t1\t2\nq1\t2\t0\n")
    (tmp_path / "qrels" / "heldout.tsv").write_text(HEADER + "q2\t2\t1\nq1\t1\t-1\n")
    return tmp_path


def test_splits_keep_their_names_and_positive_grades(folder, caplog):
    with caplog.at_level(logging.WARNING):
        collection = load_collection(str(folder))
    assert [d.doc_id for d in collection.corpus.documents] == ["1", "2"]
    assert collection.queries == "real"
    assert collection.topics == {
        "train": (Topic("q1", "alpha", {"1": 2}),),
        "heldout": (Topic("q2", "beta", {"2": 1}),),
    }
    assert "1 of 2 topics have no relevant document and are left out" in caplog.text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("qrels/train.tsv", HEADER + "q9\t1\t1\n", r"train\.tsv:2: query 'q9' is judged but not in the queries"),
        ("qrels/train.tsv", HEADER + "q1\t9\t1\n", r"train\.tsv:2: document '9' is judged but not in the corpus"),
        ("qrels/train.tsv", HEADER + "q1\t1\tgood\n", r"train\.tsv:2: the grade 'good' is not a whole number"),
        ("qrels/train.tsv", HEADER + "q1 1 1\n", r"train\.tsv:2: expected 3 columns separated by tabs, found 1"),
        ("qrels/train.tsv", HEADER + "q1\t1\t1\nq1\t1\t2\n", r"train\.tsv:3: document '1' is judged twice"),
        ("qrels/train.tsv", "q1\t1\t1\n", r"train\.tsv:1: the header is"),
        ("qrels/train.tsv", "", r"train\.tsv:1: the header is ''"),
        ("queries.jsonl", '{"_id": "q1", "text": " "}', r"queries\.jsonl:1: query 'q1' is empty"),
        ("queries.jsonl", '{"_id": "q", "text": "a"}\n' * 2, r"queries\.jsonl:2: query id 'q' occurs a second time"),
        (
            "queries.jsonl",
            '{"_id": "q", "text": "a", "metadata": {"history": "earlier"}}',
            r"queries\.jsonl:1: `metadata\.history` is 'earlier', not a list of texts",
        ),
        (
            "queries.jsonl",
            '{"_id": "p", "text": "a"}\n{"_id": "q", "text": "a", "metadata": {"history": ["earlier", 2]}}',
            r"queries\.jsonl:2: `metadata\.history` is \['earlier', 2\], not a list of texts",
        ),
    ],
)
def test_a_broken_file_is_named(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(DataError, match=message):
        load_collection(str(folder))


@pytest.mark.parametrize(
    ("query_id", "metadata", "need"),
    [
        ("q1", {"topic": 3, "session": "7"}, "topic 3"),
        ("q1", {"conversation": "c", "session": "7"}, "conversation c"),
        ("q1", {"manual": "alpha"}, None),
        ("q1", {"topic": " ", "conversation": True}, None),
        ("talk-4-2", {}, "conversation talk-4"),
        ("talk-4-2-1", {}, "conversation talk-4"),
        ("talk-40-1", {}, None),
    ],
)
def test_the_need_of_a_query_is_named_by_its_metadata_or_its_conversation(folder, query_id, metadata, need):
    (folder / "queries.jsonl").write_text(
        json.dumps({"_id": query_id, "text": "alpha", "metadata": metadata}) + '\n{"_id": "q2", "text": "beta"}\n'
    )
    (folder / "qrels" / "heldout.tsv").unlink()
    (folder / "sessions.jsonl").write_text('{"session_id": "talk-4"}\n{"queries": []}\n')
    (folder / "qrels" / "train.tsv").write_text(f"query-id\tcorpus-id\tscore\n{query_id}\t1\t2\n")
    assert load_collection(str(folder)).topics["train"][0].need == need


def test_the_earlier_queries_of_a_session_are_read_where_there_are_any(folder):
    (folder / "queries.jsonl").write_text(
        '{"_id": "q1", "text": "alpha", "metadata": {"history": ["first", "second"], "session": "7"}}\n'
        '{"_id": "q2", "text": "beta", "metadata": {"history": null}}\n'
    )
    topics = load_collection(str(folder)).topics
    assert topics["train"] == (Topic("q1", "alpha", {"1": 2}, ("first", "second"), "session 7"),)
    assert topics["heldout"][0].history == ()


@pytest.mark.parametrize("name", ["corpus.jsonl.gz", "queries.jsonl"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"{name.removesuffix('.gz')} is missing\. A BEIR folder has"):
        load_collection(str(folder))


def test_a_folder_without_judgments_is_refused(folder):
    for path in (folder / "qrels").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="no judgment file"):
        load_collection(str(folder))


def test_a_folder_with_documents_alone_gets_made_topics(folder):
    for path in (folder / "qrels").iterdir():
        path.unlink()
    (folder / "qrels").rmdir()
    (folder / "queries.jsonl").unlink()
    assert load_collection(str(folder)).queries == "made"


@pytest.mark.parametrize(
    ("name", "n_documents", "n_topics"),
    [
        ("cranfield", 1400, {"test": 225}),
        ("nfcorpus-prep", 3395, {"train": 2563, "dev": 324}),
        ("trec-session-2013", 2739, {"train": 201}),
        ("cast-2021-22-mini", 437, {"test": 442}),
    ],
)
def test_real_collections_load_whole(name, n_documents, n_topics):
    if not (SHARED / name).is_dir():
        pytest.skip(f"{SHARED / name} is not on this machine")
    documents = beir.read_corpus(SHARED / name)
    topics = beir.read_topics(SHARED / name, {document.doc_id for document in documents})
    assert len(documents) == n_documents
    assert {name: len(split) for name, split in topics.items()} == n_topics
