"""Documents and topics of a data set of the library ir-datasets (MacAvaney et al., SIGIR 2021), by its id.

The library is optional and imported only here. It downloads and caches data sets itself.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Iterator
from typing import Protocol

from untilclick.search.errors import DataError, MissingDependencyError
from untilclick.search.records import Document, Topic

SPLITS = ("train", "dev", "test")
QUERY_FIELDS = ("text", "query", "title")
"""Fields that may hold the wording of a query, in the order in which they are tried."""

_log = logging.getLogger(__name__)


class Dataset(Protocol):
    """The part of an ir-datasets data set that is used. Its records are named tuples with different fields."""

    def has_docs(self) -> bool:
        """Whether the data set has documents."""

    def has_queries(self) -> bool:
        """Whether the data set has queries."""

    def has_qrels(self) -> bool:
        """Whether the data set has judgments."""

    def docs_iter(self) -> Iterable[object]:
        """The documents: records with `doc_id` and text fields."""

    def queries_iter(self) -> Iterable[object]:
        """The queries: records with `query_id` and one of `QUERY_FIELDS`."""

    def qrels_iter(self) -> Iterable[object]:
        """The judgments: records with `query_id`, `doc_id` and `relevance`."""


def read(dataset_id: str) -> tuple[tuple[Document, ...], dict[str, tuple[Topic, ...]]]:
    """The documents of a data set, and its topics by split.

    A data set with judgments of its own is one split, named after the last part of the id (`beir/scifact/test`) if
    that is train, dev or test, and `test` otherwise. A data set without judgments has those of the splits train, dev
    and test that exist below its id.

    Raises MissingDependencyError if ir-datasets is not installed, and DataError for an unknown id, for a data set
    without documents or judged queries, and for a failed download.
    """
    try:
        library = importlib.import_module("ir_datasets")
    except ModuleNotFoundError:
        raise MissingDependencyError.of("ir-datasets", "ir-datasets") from None
    try:
        dataset = library.load(dataset_id)
    except KeyError:
        remedy = "See the catalogue of ir-datasets for valid ids"
        raise DataError.at(f"ir_datasets:{dataset_id}", None, "no such data set", remedy) from None
    return read_dataset(dataset_id, dataset, list(_below(dataset_id, library.registry)))


def read_dataset(
    dataset_id: str, dataset: Dataset, below: list[tuple[str, Dataset]]
) -> tuple[tuple[Document, ...], dict[str, tuple[Topic, ...]]]:
    """The same as `read` for a loaded data set; `below` holds (split, data set) for the splits below its id."""
    name = f"ir_datasets:{dataset_id}"
    is_judged = dataset.has_qrels() and dataset.has_queries()
    splits = [(_split_name(dataset_id), dataset)] if is_judged else below
    if not dataset.has_docs() or not splits:
        missing = "judged queries" if dataset.has_docs() else "documents"
        raise DataError.at(name, None, f"the data set has no {missing}", "Choose an id that has both")
    try:
        documents = tuple(_document(record) for record in dataset.docs_iter())
        topics = {split: _topics(name, part) for split, part in splits}
    except (OSError, RuntimeError) as error:
        remedy = "Check the network and the free disk space"
        raise DataError.at(name, None, f"cannot be read ({error})", remedy) from error
    _check(name, documents, topics)
    return documents, topics


def _below(dataset_id: str, registry: Iterable[str]) -> Iterator[tuple[str, Dataset]]:
    """(split, data set) for the judged splits below an id."""
    library = importlib.import_module("ir_datasets")
    ids = set(registry)
    for split in SPLITS:
        if f"{dataset_id}/{split}" in ids:
            dataset = library.load(f"{dataset_id}/{split}")
            if dataset.has_qrels() and dataset.has_queries():
                yield split, dataset


def _split_name(dataset_id: str) -> str:
    last = dataset_id.rpartition("/")[2]
    return last if last in SPLITS else "test"


def _document(record: object) -> Document:
    """A document with the record's title and text, or with the library's default text if the record has no text."""
    doc_id, title = str(getattr(record, "doc_id")), getattr(record, "title", "")  # noqa: B009 - fields differ by set
    text = getattr(record, "text", None)
    if not isinstance(text, str):
        default = getattr(record, "default_text", None)
        return Document(doc_id, "", str(default()) if callable(default) else "")
    return Document(doc_id, title if isinstance(title, str) else "", text)


def _topics(name: str, dataset: Dataset) -> tuple[Topic, ...]:
    grades: dict[str, dict[str, int]] = {}
    for judgment in dataset.qrels_iter():
        topic_id, doc_id = str(getattr(judgment, "query_id")), str(getattr(judgment, "doc_id"))  # noqa: B009
        topic = grades.setdefault(topic_id, {})
        if (grade := int(getattr(judgment, "relevance"))) > 0:  # noqa: B009
            topic[doc_id] = grade
    queries = {str(getattr(query, "query_id")): _wording(query) for query in dataset.queries_iter()}  # noqa: B009
    if unknown := sorted(grades.keys() - queries.keys()):
        raise DataError.at(name, None, f"query {unknown[0]!r} is judged but not in the queries", "Choose another id")
    topics = tuple(Topic(topic_id, queries[topic_id], grades[topic_id]) for topic_id in grades if grades[topic_id])
    if len(topics) < len(grades):
        _log.warning("%s: %d of %d topics have no relevant document", name, len(grades) - len(topics), len(grades))
    return topics


def _wording(query: object) -> str:
    text = next((value for field in QUERY_FIELDS if isinstance(value := getattr(query, field, None), str)), "")
    return " ".join(text.split())


def _check(name: str, documents: tuple[Document, ...], topics: dict[str, tuple[Topic, ...]]) -> None:
    """Raise DataError unless the ids are distinct and every judged document exists."""
    if not documents:
        raise DataError.at(name, None, "the data set holds no document", "Choose an id that has documents")
    doc_ids = {document.doc_id for document in documents}
    if len(doc_ids) < len(documents):
        raise DataError.at(name, None, "a document id occurs twice", "Choose another id")
    judged = {doc_id for split in topics.values() for topic in split for doc_id in topic.relevance}
    if unknown := sorted(judged - doc_ids):
        problem = f"document {unknown[0]!r} is judged but not in the corpus"
        raise DataError.at(name, None, problem, "Choose another id")
