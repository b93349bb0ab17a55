"""A test collection made from packages: its records, sampling to a size, and writing it as a folder.

The folder is in BEIR layout, as `search/corpora/beir.py` reads it. It has the split `dev` alone, because nothing is
trained on it. The builders beside this file read the documents and queries from the packages.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.beir import QRELS_HEADER
from untilclick.search.errors import DataError
from untilclick.search.files.whole_files import whole_file
from untilclick.search.records import Document, Topic

terms = english().terms

_Item = TypeVar("_Item")

SPLIT = "dev"
"""Name of the only split."""


@dataclass(frozen=True)
class MadeCorpus:
    """Documents, and topics whose relevant documents are all among them."""

    documents: tuple[Document, ...]
    topics: tuple[Topic, ...]


class KnownItem(NamedTuple):
    """A query that asks for one document."""

    query: str
    document: Document


@dataclass(frozen=True)
class Size:
    """Maximum size of a collection."""

    documents: int = 20_000
    """Maximum number of documents, including all relevant ones."""
    topics: int = 500
    """Maximum number of topics."""
    seed: int = 0
    """Seed of the samples of topics and documents, if there are more."""


def missing(path: Path | str, packages: str) -> DataError:
    """The error for packages (Debian's names, separated by spaces) that are not installed."""
    remedy = f"Install it (apt-get install {packages}), or unpack it (dpkg -x) in a folder and give that as --root"
    return DataError.at(path, None, "does not exist", remedy)


def copied(query: str, text: str) -> bool:
    """True if the index terms of the query follow each other in the text; true for an empty query.

    Such a query would be too easy: the text answers it word for word.
    """
    query_terms, text_terms = terms(query), terms(text)
    n = len(query_terms)
    return any(text_terms[i : i + n] == query_terms for i in range(len(text_terms) - n + 1))


def known_items(items: Iterable[KnownItem], fewest_terms: int) -> Iterator[Topic]:
    """Topics of known items, whose ids are those of the documents.

    Left out are queries with fewer different index terms than `fewest_terms`, queries that the document contains word
    for word, and queries that ask for several documents.
    """
    long = [item for item in items if len(set(terms(item.query))) >= fewest_terms]
    count = Counter(item.query.lower() for item in long)
    for query, document in long:
        if count[query.lower()] == 1 and not copied(query, document.content):
            yield Topic(document.doc_id, query, {document.doc_id: 1})


def thinned(made: MadeCorpus, size: Size) -> MadeCorpus:
    """A sample of topics, all documents relevant to them, and a sample of the other documents, in their order.

    Raises DataError if more documents are relevant than the collection may have.
    """
    rng = np.random.default_rng(size.seed)
    topics = _sample(made.topics, size.topics, rng)
    relevant = {doc_id for topic in topics for doc_id in topic.relevance}
    if len(relevant) > size.documents:
        raise DataError(
            f"{len(topics)} topics have {len(relevant)} relevant documents, more than the {size.documents} allowed; "
            "raise --documents"
        )
    others = [document.doc_id for document in made.documents if document.doc_id not in relevant]
    sampled_ids = relevant.union(_sample(others, size.documents - len(relevant), rng))
    documents = tuple(document for document in made.documents if document.doc_id in sampled_ids)
    return MadeCorpus(documents, tuple(topics))


def _sample(items: Sequence[_Item], most: int, rng: np.random.Generator) -> list[_Item]:
    """A sample of at most `most` items, in their order."""
    if len(items) <= most:
        return list(items)
    return [items[i] for i in sorted(rng.choice(len(items), size=most, replace=False))]


def write_beir(made: MadeCorpus, folder: Path) -> Path:
    """Write `corpus.jsonl`, `queries.jsonl` and `qrels/dev.tsv` into a folder, and return it.

    Without topics only `corpus.jsonl` is written, so that readers make topics from the documents.
    """
    with whole_file(folder / "corpus.jsonl") as file:
        for document in made.documents:
            file.write(_line({"_id": document.doc_id, "title": document.title, "text": document.text}))
    if not made.topics:
        return folder
    with whole_file(folder / "queries.jsonl") as file:
        for topic in made.topics:
            file.write(_line({"_id": topic.topic_id, "text": topic.query}))
    with whole_file(folder / "qrels" / f"{SPLIT}.tsv") as file:
        file.write("\t".join(QRELS_HEADER) + "\n")
        for topic in made.topics:
            for doc_id, grade in topic.relevance.items():
                file.write(f"{topic.topic_id}\t{doc_id}\t{grade}\n")
    return folder


def _line(record: dict[str, str]) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"
