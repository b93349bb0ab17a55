"""Loading of documents and topics from any source: `load_collection("stdlib" | folder | file | "ir_datasets:ID")`.

Each source has a reader of its own (`stdlib_docs.py`, `beir.py`, `jsonl_docs.py`, `ir_datasets_source.py`);
`topics.py` makes topics for documents without judgments.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.guess import analysis_for
from untilclick.search.corpora import beir, ir_datasets_source, stdlib_docs
from untilclick.search.corpora.jsonl_docs import read_documents
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.errors import DataError
from untilclick.search.files.lines import existing
from untilclick.search.records import Collection, Corpus, Document

STDLIB = "stdlib"
"""The source that is the documentation of the running interpreter's standard library."""

IR_DATASETS_PREFIX = "ir_datasets:"
"""A source with this prefix is the id of a data set of ir-datasets."""


def load_collection(
    source: str, *, seed: int = 0, choose: Callable[[tuple[Document, ...]], Analysis] = analysis_for
) -> Collection:
    """The documents of a source and their topics.

    Topics with judgments are read as they are. For other sources (`stdlib`, JSONL files, folders without judgments)
    topics are made from the documents (`queries == "made"`): `seed` decides their wording, and `choose` gives the
    analysis of their words for the documents.

    Raises DataError if the source does not exist or is broken; the text names file, line, value and remedy. Raises
    MissingDependencyError for `ir_datasets:` if that library is not installed, and what `choose` raises.
    """
    if source.startswith(IR_DATASETS_PREFIX):
        documents, topics = ir_datasets_source.read(source.removeprefix(IR_DATASETS_PREFIX))
        return Collection(corpus_of(source, documents), topics, "real")
    documents = _read(source)
    if source != STDLIB and _is_judged(Path(source)):
        topics = beir.read_topics(Path(source), {document.doc_id for document in documents})
        return Collection(corpus_of(source, documents), topics, "real")
    made = topics_from_documents(documents, seed, choose(documents))
    return Collection(corpus_of(source, documents), made, "made")


def load_corpus(source: str) -> Corpus:
    """The documents of a source without topics, for a search service. Raises as `load_collection` does."""
    if source.startswith(IR_DATASETS_PREFIX):
        return load_collection(source).corpus
    return corpus_of(source, _read(source))


def fingerprint(documents: Iterable[Document]) -> str:
    """The first 16 hex digits of the SHA-256 over id, title and text of all documents in order.

    Each field is hashed with its length, so that a word that moves from the title to the text changes the result.
    """
    digest = hashlib.sha256()
    for document in documents:
        for value in (document.doc_id, document.title, document.text):
            data = value.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
    return digest.hexdigest()[:16]


def corpus_of(source: str, documents: Iterable[Document]) -> Corpus:
    """A corpus of the documents, with their fingerprint."""
    documents = tuple(documents)
    return Corpus(source, documents, fingerprint(documents))


def _read(source: str) -> tuple[Document, ...]:
    """The documents of a source that is not from ir-datasets."""
    path = Path(source)
    if source == STDLIB:
        return stdlib_docs.load_documents()
    if path.is_dir():
        return beir.read_corpus(path)
    if path.is_file():
        return read_documents(path)
    remedy = "Use stdlib, a BEIR folder, a JSONL file of documents, or ir_datasets:ID"
    raise DataError.at(source, None, "no such file or folder", remedy)


def _is_judged(path: Path) -> bool:
    """Whether a path is a folder with queries or judgments. If one of the two is missing, its reader reports that."""
    return path.is_dir() and ((path / "qrels").exists() or existing(path / "queries.jsonl") is not None)
