"""The tantivy index of a corpus: its schema, its folder, building it and changing it.

The name of an index's folder contains everything that decides its content: corpus fingerprint, analysis and schema
version. A folder of that name is therefore always the right one, another corpus or version of the program uses
another folder, and old folders may be deleted at any time. An index is built beside its place and then renamed, so a
folder always holds a whole index.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import repeat, tee
from pathlib import Path
from typing import NamedTuple

from tantivy import Document as TantivyDocument
from tantivy import Index, Order, Query, Schema, SchemaBuilder, TextAnalyzerBuilder, Tokenizer

from untilclick.search.analysis.analysis import NO_TERM, Analysis, DocumentTerms
from untilclick.search.analysis.by_name import is_first
from untilclick.search.analysis.english_v1 import MAX_WORD_LENGTH, STOP_WORDS, text_analyzer
from untilclick.search.analysis.english_v1 import TANTIVY_NAME as FIRST_TOKENIZER
from untilclick.search.analysis.normal_form import encodable
from untilclick.search.engines.document_terms import document_terms
from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document

SCHEMA_VERSION = 2
"""Version of the fields and their meaning. Raise it with every change."""

FIRST_SCHEMA_VERSION = 1
"""Version of the indexes of the analysis 1-en: `body` holds text that tantivy analyses, and there is no field
`aside`."""

BODY, ASIDE, DOC_ID, TITLE, TEXT, POSITION = "body", "aside", "doc_id", "title", "text", "position"

TERMS = "untilclick_terms"
"""The name under which an index registers the tokenizer of ready index terms."""

WRITER_HEAP_BYTES = 256 * 2**20
"""Memory of the indexing thread, in bytes. One thread with much memory writes few segments, in corpus order."""

CHANGE_HEAP_BYTES = 16 * 2**20
"""Memory for changing one document, in bytes."""

_log = logging.getLogger(__name__)


class PlacedChange(NamedTuple):
    """A change of one document."""

    doc_id: str
    document: Document | None
    """None: the document is removed."""
    position: int
    """Place of the document among ties."""


def build_schema(analysis: Analysis) -> Schema:
    """The fields of a document.

    `body` and `aside` hold index terms; they are indexed but not stored. `title` and `text` are stored but not
    indexed, and `doc_id` is both. `position` is the place in the corpus, which breaks ties.
    """
    builder = SchemaBuilder()
    if is_first(analysis):
        builder.add_text_field(BODY, stored=False, tokenizer_name=FIRST_TOKENIZER, index_option="freq")
    else:
        builder.add_text_field(BODY, stored=False, tokenizer_name=TERMS, index_option="freq")
        builder.add_text_field(ASIDE, stored=False, tokenizer_name=TERMS, index_option="basic")
    builder.add_text_field(DOC_ID, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field(TITLE, stored=True)
    builder.add_bytes_field(TEXT, stored=True)
    builder.add_unsigned_field(POSITION, stored=False, fast=True)
    return builder.build()


def open_index(corpus: Corpus, path: Path | None, analysis: Analysis) -> Index:
    """The index of the corpus in the folder `path`, which is built first if it does not exist. None builds in memory.

    Raises EngineError if the folder cannot be written or holds a damaged index.
    """
    if path is None:
        return _filled(Index(build_schema(analysis)), enumerate(corpus.documents), analysis)
    try:
        if not path.exists():
            _build_at(path, corpus, analysis)
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    return open_at(path)


def _unusable(path: Path, error: Exception) -> EngineError:
    remedy = "Delete the folder to have it built again, or choose a directory that can be written"
    return EngineError(f"{path}: the index cannot be built or opened ({error}). {remedy}")


def write_changes(index: Index, analysis: Analysis, changes: Iterable[PlacedChange]) -> None:
    """Replace, add or remove documents, and commit. Raises EngineError if another process is writing, or if the disk
    is full."""
    try:
        writer = index.writer(heap_size=CHANGE_HEAP_BYTES, num_threads=1)
    except ValueError as error:
        raise EngineError(f"The index is being changed by another process ({error}). Try again") from error
    try:
        for change in changes:
            query = Query.term_query(index.schema, DOC_ID, change.doc_id, index_option="basic")
            writer.delete_documents_by_query(query)
            if change.document is not None:
                terms = None if is_first(analysis) else analysis.document(change.document.content)
                writer.add_document(as_tantivy(change.document, change.position, terms))
        writer.commit()
        writer.wait_merging_threads()
    except (OSError, ValueError) as error:
        raise EngineError(f"The index cannot be changed ({error}). Check the disk and try again") from error


def position_of(index: Index, doc_id: str) -> int | None:
    """The place of a document in the last loaded state of an index; None if the index does not hold it."""
    query = Query.term_query(index.schema, DOC_ID, doc_id, index_option="basic")
    hits = index.searcher().search(query, limit=1, count=False, order_by_field=POSITION, order=Order.Asc).hits
    return int(hits[0][0]) if hits else None


def placed_documents(index: Index) -> Iterator[tuple[int, Document]]:
    """(place, document) of all documents in the last loaded state of an index, in the order of their places."""
    searcher = index.searcher()
    limit = max(searcher.num_docs, 1)
    everything = Query.all_query()
    hits = searcher.search(everything, limit=limit, count=False, order_by_field=POSITION, order=Order.Asc).hits
    for position, address in hits:
        yield int(position), from_tantivy(searcher.doc(address))


def open_at(path: Path) -> Index:
    """The index in a folder. Raises EngineError if it is missing or damaged."""
    try:
        index = Index.open(str(path))
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    _register(index)
    return index


def commit_stamp(path: Path | None) -> tuple[int, int] | None:
    """Modification time and inode of the file that every commit replaces; None for an index in memory."""
    if path is None:
        return None
    status = (path / "meta.json").stat()
    return status.st_mtime_ns, status.st_ino


def index_name(fingerprint: str, analysis: Analysis) -> str:
    """The folder name of the index of the corpus with this fingerprint."""
    if is_first(analysis):
        digest = hashlib.sha256(f"{FIRST_TOKENIZER}|{MAX_WORD_LENGTH}|{STOP_WORDS}".encode()).hexdigest()[:8]
        return f"tantivy-{FIRST_SCHEMA_VERSION}-{digest}-{fingerprint}"
    return f"tantivy-{SCHEMA_VERSION}-{analysis.name}-{fingerprint}"


def analysis_on_disk(folder: Path, fingerprint: str) -> str | None:
    """Name of the analysis of the one index of a corpus in a folder; None if it has several, none, or only one of the
    analysis 1-en, which new indexes do not have."""
    pattern = re.compile(rf"tantivy-{SCHEMA_VERSION}-(.+)-{re.escape(fingerprint)}")
    names = [match[1] for path in folder.glob("tantivy-*") if (match := pattern.fullmatch(path.name))]
    return names[0] if len(names) == 1 else None


def as_tantivy(document: Document, position: int, terms: DocumentTerms | None) -> TantivyDocument:
    """The fields of a document with these index terms; None in an index of 1-en, where tantivy analyses the text.

    Half of a surrogate pair becomes a question mark in the indexed text only.
    """
    fields = TantivyDocument()
    if terms is None:
        fields.add_text(BODY, encodable(document.content))
    else:
        fields.add_text(BODY, terms.body or NO_TERM)
        fields.add_text(ASIDE, terms.aside or NO_TERM)
    fields.add_text(DOC_ID, document.doc_id)
    fields.add_bytes(TITLE, document.title.encode("utf-8", "surrogatepass"))
    fields.add_bytes(TEXT, document.text.encode("utf-8", "surrogatepass"))
    fields.add_unsigned(POSITION, position)
    return fields


def from_tantivy(stored: TantivyDocument) -> Document:
    """The document whose fields `as_tantivy` made."""
    title, text = (bytes(stored.get_first(name) or b"").decode("utf-8", "surrogatepass") for name in (TITLE, TEXT))
    return Document(str(stored.get_first(DOC_ID)), title, text)


@contextmanager
def built_beside(path: Path, placed: Iterable[tuple[int, Document]], analysis: Analysis) -> Iterator[Path]:
    """Build an index in a folder beside `path`, which the block renames to `path` if it wants to keep it.

    `placed` has the place of each document, in ascending order.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".building-"))
    try:
        index = _filled(Index(build_schema(analysis), path=str(temporary)), placed, analysis)
        del index  # releases its files
        yield temporary
    finally:
        _discard(temporary)


def _build_at(path: Path, corpus: Corpus, analysis: Analysis) -> None:
    """Build the index beside `path` and rename it. If another process was faster, its equal index stays."""
    _log.info("Building the index of %d documents in %s", len(corpus.documents), path)
    with built_beside(path, enumerate(corpus.documents), analysis) as temporary:
        try:
            temporary.rename(path)
        except OSError:
            if not path.is_dir():
                raise


def _register(index: Index) -> None:
    """Make the tokenizers known that the schema may name."""
    index.register_tokenizer(FIRST_TOKENIZER, text_analyzer())
    index.register_tokenizer(TERMS, TextAnalyzerBuilder(Tokenizer.whitespace()).build())


def _discard(folder: Path) -> None:
    """Remove the folder of a build, if it is still there.

    A thread of tantivy may still write a file into it, so the removal is tried again after a pause.
    """
    for pause in (0.0, 0.02, 0.1, 0.5):
        time.sleep(pause)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
    _log.warning("%s could not be removed. Delete it by hand", folder)


def _filled(index: Index, placed: Iterable[tuple[int, Document]], analysis: Analysis) -> Index:
    """The index with the documents added at their places and committed."""
    _register(index)
    writer = index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
    placed, again = tee(placed)
    documents = (document for _, document in again)
    analysed = repeat(None) if is_first(analysis) else document_terms(documents, analysis)
    for (position, document), terms in zip(placed, analysed, strict=False):
        writer.add_document(as_tantivy(document, position, terms))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index
