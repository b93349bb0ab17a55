"""What a builder of a test collection brings, how it is made smaller, and the folder that it becomes.

The folder is in BEIR layout, as `search/corpora/beir.py` reads it, with one split, `dev`: nothing is ever trained on
it. Where documents and queries come from is known to the builders beside this file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from untilclick.search.corpora.beir import QRELS_HEADER
from untilclick.search.errors import DataError
from untilclick.search.files.whole_files import whole_file
from untilclick.search.records import Document, Topic
from untilclick.search.text.analysis import terms

_Kept = TypeVar("_Kept")

SPLIT = "dev"
"""Name of the one split."""


@dataclass(frozen=True)
class MadeCorpus:
    """Documents, and topics whose relevant documents are among them."""

    documents: tuple[Document, ...]
    topics: tuple[Topic, ...]


@dataclass(frozen=True)
class Size:
    """How large a collection may be."""

    documents: int = 20_000
    """At most; documents that a topic wants count and are kept."""
    topics: int = 500
    """At most."""
    seed: int = 0
    """Which topics and documents are kept where there are more."""


def missing(path: Path | str, packages: str) -> DataError:
    """What is raised where the packages (Debian's names, separated by spaces) are not installed."""
    remedy = f"Install it (apt-get install {packages}), or unpack it (dpkg -x) in a folder and name that as --root"
    return DataError.at(path, None, "is not there", remedy)


def required(found: Iterable[Path], pattern: Path, packages: str) -> list[Path]:
    """The files, sorted; raises DataError with the packages to install where there is none."""
    files = sorted(found)
    if not files:
        raise missing(pattern, packages)
    return files


def copied(query: str, text: str) -> bool:
    """Whether the text contains the query word for word, as index terms; such a topic asks for nothing but itself.
    An empty query counts as contained."""
    wanted, present = terms(query), terms(text)
    return any(present[i : i + len(wanted)] == wanted for i in range(len(present) - len(wanted) + 1))


def known_items(pairs: Iterable[tuple[str, Document]], fewest_terms: int) -> Iterator[Topic]:
    """A topic for each pair of query and the document that it means, with the id of the document: queries of fewer
    different index terms, those that the document contains word for word, and those of several documents are left
    out."""
    found = [(query, document) for query, document in pairs if len(set(terms(query))) >= fewest_terms]
    wanted: dict[str, int] = {}
    for query, _ in found:
        wanted[query.lower()] = wanted.get(query.lower(), 0) + 1
    for query, document in found:
        if wanted[query.lower()] == 1 and not copied(query, document.content):
            yield Topic(document.doc_id, query, {document.doc_id: 1})


def thinned(made: MadeCorpus, size: Size) -> MadeCorpus:
    """A sample of topics, the documents that they want, and a sample of the others, all in their order.

    Raises DataError where the topics alone want more documents than there may be.
    """
    rng = np.random.default_rng(size.seed)
    topics = _sample(made.topics, size.topics, rng)
    wanted = {doc_id for topic in topics for doc_id in topic.relevance}
    if len(wanted) > size.documents:
        raise DataError(f"{len(topics)} topics want {len(wanted)} documents, more than {size.documents}; raise that")
    others = [document.doc_id for document in made.documents if document.doc_id not in wanted]
    kept = wanted.union(_sample(others, size.documents - len(wanted), rng))
    return MadeCorpus(tuple(one for one in made.documents if one.doc_id in kept), tuple(topics))


def _sample(found: Sequence[_Kept], most: int, rng: np.random.Generator) -> list[_Kept]:
    """At most so many, in their order."""
    if len(found) <= most:
        return list(found)
    return [found[i] for i in sorted(rng.choice(len(found), size=most, replace=False))]


def write_beir(made: MadeCorpus, folder: Path) -> Path:
    """Write `corpus.jsonl`, `queries.jsonl` and `qrels/dev.tsv`; returns the folder."""
    with whole_file(folder / "corpus.jsonl") as file:
        for one in made.documents:
            file.write(_line({"_id": one.doc_id, "title": one.title, "text": one.text}))
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
