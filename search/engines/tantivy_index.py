"""The tantivy index of a corpus: its schema, how it is built, and when one on disk may be reused.

An index on disk lies in a folder named after everything that decides its content: corpus fingerprint, analyser and
schema version. A folder of that name is therefore always the right one, another corpus or program version gets its
own, and stale ones may be deleted at will. It is built beside its place and renamed, so a folder is whole or absent.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tantivy import Document as TantivyDocument
from tantivy import Index, Query, Schema, SchemaBuilder

from untilclick.search.errors import EngineError
from untilclick.search.records import Corpus, Document
from untilclick.search.text.analysis import ANALYZER_NAME, MAX_WORD_LENGTH, STOP_WORDS, text_analyzer

SCHEMA_VERSION = 1
"""Raised whenever fields or their meaning change."""

BODY, DOC_ID, TITLE, TEXT, POSITION = "body", "doc_id", "title", "text", "position"

WRITER_HEAP_BYTES = 256 * 2**20
"""Memory of the one indexing thread. One thread and much memory mean few segments in corpus order."""

CHANGE_HEAP_BYTES = 16 * 2**20
"""The same for a change of one document."""

LIVE_PREFIX = "live-"
"""Before the folder name of an index that may be changed, and is therefore no longer just its corpus."""

_log = logging.getLogger(__name__)


def build_schema() -> Schema:
    """`body` is indexed and not stored, `title` and `text` are stored and not indexed, `doc_id` both; `position` is
    the place in the corpus, by which ties are broken."""
    builder = SchemaBuilder()
    builder.add_text_field(BODY, stored=False, tokenizer_name=ANALYZER_NAME, index_option="freq")
    builder.add_text_field(DOC_ID, stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field(TITLE, stored=True)
    builder.add_bytes_field(TEXT, stored=True)
    builder.add_unsigned_field(POSITION, stored=False, fast=True)
    return builder.build()


def open_index(corpus: Corpus, path: Path | None) -> Index:
    """An index of the corpus: in memory, or the one in the folder `path`, which is built first where it is absent.

    Raises `EngineError` where the folder cannot be written or holds a damaged index.
    """
    if path is None:
        return _filled(Index(build_schema()), corpus.documents)
    try:
        if not path.exists():
            _build_at(path, corpus)
        index = Index.open(str(path))
    except (OSError, ValueError) as error:
        remedy = "Delete the folder to have it built anew, or give a directory that can be written"
        raise EngineError(f"{path}: the index cannot be built or opened ({error}). {remedy}") from error
    index.register_tokenizer(ANALYZER_NAME, text_analyzer())
    return index


def write_change(index: Index, doc_id: str, document: Document | None, position: int) -> None:
    """Replace, add or (None) remove one document and commit. Raises `EngineError` where another process writes."""
    try:
        writer = index.writer(heap_size=CHANGE_HEAP_BYTES, num_threads=1)
    except ValueError as error:
        raise EngineError(f"The index is being changed by another process ({error}). Try again") from error
    writer.delete_documents_by_query(Query.term_query(index.schema, DOC_ID, doc_id, index_option="basic"))
    if document is not None:
        writer.add_document(as_tantivy(document, position))
    writer.commit()
    writer.wait_merging_threads()


def commit_stamp(path: Path | None) -> tuple[int, int] | None:
    """Time and inode of the file that every commit replaces; None for an index in memory."""
    if path is None:
        return None
    found = (path / "meta.json").stat()
    return found.st_mtime_ns, found.st_ino


def index_name(corpus: Corpus) -> str:
    """Folder name of the corpus's index."""
    analysis = hashlib.sha256(f"{ANALYZER_NAME}|{MAX_WORD_LENGTH}|{STOP_WORDS}".encode()).hexdigest()[:8]
    return f"tantivy-{SCHEMA_VERSION}-{analysis}-{corpus.fingerprint}"


def as_tantivy(document: Document, position: int) -> TantivyDocument:
    """The document as the index takes it. Half surrogate pairs become question marks in the indexed text only."""
    made = TantivyDocument()
    made.add_text(BODY, document.content.encode("utf-8", "replace").decode("utf-8"))
    made.add_text(DOC_ID, document.doc_id)
    made.add_bytes(TITLE, document.title.encode("utf-8", "surrogatepass"))
    made.add_bytes(TEXT, document.text.encode("utf-8", "surrogatepass"))
    made.add_unsigned(POSITION, position)
    return made


def from_tantivy(stored: TantivyDocument) -> Document:
    """The document that `as_tantivy` was given."""
    title, text = (bytes(stored.get_first(name) or b"").decode("utf-8", "surrogatepass") for name in (TITLE, TEXT))
    return Document(str(stored.get_first(DOC_ID)), title, text)


def _build_at(path: Path, corpus: Corpus) -> None:
    """Build beside `path`, then rename; where another process was faster, its index, equal to ours, stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=".building-"))
    try:
        _log.info("Building the index of %d documents in %s", len(corpus.documents), path)
        index = _filled(Index(build_schema(), path=str(temporary)), corpus.documents)
        del index
        try:
            temporary.rename(path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        _discard(temporary)


def _discard(folder: Path) -> None:
    """Remove what is left of a build. A thread of tantivy may still be writing a file of its own there, so a folder
    that was not empty in the end is tried again."""
    for pause in (0.0, 0.02, 0.1, 0.5):
        time.sleep(pause)
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
    _log.warning("%s could not be removed; it may be deleted by hand", folder)


def _filled(index: Index, documents: Iterable[Document]) -> Index:
    index.register_tokenizer(ANALYZER_NAME, text_analyzer())
    writer = index.writer(heap_size=WRITER_HEAP_BYTES, num_threads=1)
    for position, document in enumerate(documents):
        writer.add_document(as_tantivy(document, position))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return index
