"""Queries and judgments of another collection, on the documents that both have."""

from pathlib import Path

import pytest

from untilclick.search.corpora.load import corpus_of
from untilclick.search.corpora.other_topics import read_other_topics
from untilclick.search.errors import DataError
from untilclick.search.records import Document, Topic

CORPUS = corpus_of("mine", [Document("1", "One", "first"), Document("2", "Two", "second")])
HEADER = "query-id\tcorpus-id\tscore\n"


@pytest.fixture
def folder(tmp_path) -> Path:
    """Two queries; document 9 is not in the corpus. There is no corpus.jsonl."""
    (tmp_path / "qrels").mkdir()
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "alpha"}\n{"_id": "q2", "text": "beta"}\n')
    (tmp_path / "qrels" / "dev.tsv").write_text(HEADER + "q1\t1\t2\nq1\t9\t1\nq2\t9\t1\n")
    (tmp_path / "qrels" / "test.tsv").write_text(HEADER + "q2\t9\t1\nq2\t1\t0\n")
    return tmp_path


def test_judgments_of_other_documents_are_passed_over_and_counted(folder):
    other = read_other_topics(folder, "dev", CORPUS)
    assert other.collection.topics == {"dev": (Topic("q1", "alpha", {"1": 2}),)}
    assert (other.collection.queries, other.collection.corpus) == ("real", CORPUS)
    assert (other.n_passed_over, other.n_judgments) == (2, 3)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("train", "has no split 'train'; choose one of: dev, test"),
        ("asked", "has no split 'asked'; choose one of: dev, test"),
        ("test", "Split 'test' of .* has no relevant document in mine"),
    ],
)
def test_a_split_without_judged_documents_is_refused(folder, split, message):
    with pytest.raises(DataError, match=message):
        read_other_topics(folder, split, CORPUS)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_other_topics(tmp_path / "missing", "dev", CORPUS)
