"""ir-datasets, with a hand-made data set in place of a download."""

from __future__ import annotations

import importlib
from typing import NamedTuple

import pytest

from untilclick.search.corpora import ir_datasets_source
from untilclick.search.corpora.ir_datasets_source import read_dataset
from untilclick.search.corpora.load import load_collection
from untilclick.search.errors import DataError, MissingDependencyError
from untilclick.search.records import Document, Topic


class TitledDoc(NamedTuple):
    doc_id: str
    title: str
    text: str


class OtherDoc(NamedTuple):
    doc_id: str
    abstract: str

    def default_text(self):
        return self.abstract


class Query(NamedTuple):
    query_id: str
    text: str


class TrecQuery(NamedTuple):
    query_id: str
    title: str
    description: str


class Qrel(NamedTuple):
    query_id: str
    doc_id: str
    relevance: int


class Handmade:
    """A data set of three lists, with the part of the library's interface that its registry needs."""

    metadata = None

    def __init__(self, docs=(), queries=(), qrels=()):
        self.parts = {"docs": docs, "queries": queries, "qrels": qrels}

    def has(self, kind):
        return bool(self.parts.get(getattr(kind, "value", kind)))

    def has_docs(self):
        return self.has("docs")

    def has_queries(self):
        return self.has("queries")

    def has_qrels(self):
        return self.has("qrels")

    def docs_iter(self):
        return iter(self.parts["docs"])

    def queries_iter(self):
        return iter(self.parts["queries"])

    def qrels_iter(self):
        return iter(self.parts["qrels"])


DOCS = [TitledDoc("1", "One", "first"), OtherDoc("2", "second")]
TRAIN = Handmade(DOCS, [Query("q", "alpha  beta\n")], [Qrel("q", "1", 2), Qrel("q", "2", 0)])
TEST = Handmade(DOCS, [TrecQuery("7", "gamma", "longer")], [Qrel("7", "2", 1)])


def test_records_of_differing_fields_become_documents_and_topics():
    documents, topics = read_dataset("toy", TEST, [])
    assert documents == (Document("1", "One", "first"), Document("2", "", "second"))
    assert topics == {"test": (Topic("7", "gamma", {"2": 1}),)}


def test_an_id_without_judgments_gives_the_splits_below_it():
    _, topics = read_dataset("toy", Handmade(DOCS), [("train", TRAIN), ("test", TEST)])
    assert {name: [topic.query for topic in split] for name, split in topics.items()} == {
        "train": ["alpha beta"],
        "test": ["gamma"],
    }


def test_a_split_is_named_after_the_end_of_its_id():
    assert list(read_dataset("toy/dev", TRAIN, [])[1]) == ["dev"]


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Handmade(queries=[Query("q", "a")], qrels=[Qrel("q", "1", 1)]), "has no documents"),
        (Handmade(DOCS), "has no judged queries"),
        (Handmade(DOCS, [Query("q", "a")], [Qrel("q", "9", 1)]), "document '9' is judged but not in the corpus"),
        (Handmade(DOCS, [Query("q", "a")], [Qrel("r", "1", 1)]), "query 'r' is judged but not in the queries"),
        (Handmade(DOCS * 2, [Query("q", "a")], [Qrel("q", "1", 1)]), "a document id occurs twice"),
    ],
)
def test_a_data_set_that_cannot_be_used_is_named(dataset, message):
    with pytest.raises(DataError, match=rf"^ir_datasets:toy: .*{message}"):
        read_dataset("toy", dataset, [])


def test_a_registered_data_set_loads_through_the_library():
    library = pytest.importorskip("ir_datasets")
    name = "untilclick-handmade"
    if name not in set(library.registry):
        library.registry.register(name, TRAIN)
    collection = load_collection(f"ir_datasets:{name}")
    assert [d.doc_id for d in collection.corpus.documents] == ["1", "2"]
    assert collection.topics == {"test": (Topic("q", "alpha beta", {"1": 2}),)}
    assert collection.queries == "real"


def test_an_unknown_id_is_reported():
    pytest.importorskip("ir_datasets")
    with pytest.raises(DataError, match=r"ir_datasets:no/such: no such data set\. See the catalogue"):
        load_collection("ir_datasets:no/such")


def test_a_missing_library_names_its_extra(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingDependencyError, match=r"ir-datasets is not installed.*untilclick\[ir-datasets\]"):
        ir_datasets_source.read("toy")
