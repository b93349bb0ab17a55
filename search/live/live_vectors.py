"""The documents of live indexes as vectors, for every encoder in use, with the changes that the journal has.

The documents of the corpus have an index of their own (`SharedVectors`), over which those that were put, replaced or
deleted since lie. A document that is put is encoded before the journal has it; its vector is kept in the journal's
database, where the other processes find it. A vector that is in neither place, such as one by an encoder that a
service had not used when the document was put, is made in a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from threading import Event, Lock, Thread
from weakref import WeakValueDictionary

from untilclick.search.engines.vectors.background_encoder import BackgroundEncoder, StoppedError
from untilclick.search.engines.vectors.document_vectors import IndexNow, KnownVectors
from untilclick.search.engines.vectors.overlay_index import ChangedDocument, OverlayIndex
from untilclick.search.engines.vectors.protocol import VectorIndex
from untilclick.search.engines.vectors.shared_vectors import SharedVectors
from untilclick.search.errors import UntilclickError
from untilclick.search.live.changes import Change, ChangeKind
from untilclick.search.live.current_index import CurrentIndex
from untilclick.search.live.journal import ChangeJournal
from untilclick.search.live.vector_table import VectorTable
from untilclick.search.records import Document
from untilclick.search.text.encoders.encoder import Encoder, Vectors

_log = logging.getLogger(__name__)

EncodedText = dict[str, Vectors]
"""The vectors (d,) of one text, by the digests of their encoders."""


class LiveVectors:
    """`DocumentVectors` of a corpus with changes. Threads may share it."""

    def __init__(self, corpus: SharedVectors, journal: ChangeJournal) -> None:
        """Vectors of texts that no document has any more are forgotten. Raises EngineError if the journal fails."""
        self._corpus, self._journal = corpus, journal
        self._table = VectorTable(journal.path)
        with journal.lock():
            self._table.keep_only(each.document.content for each in journal.present() if each.document is not None)
        self._changes: WeakValueDictionary[str, EncodedChanges] = WeakValueDictionary()  # by the encoder's digest
        self._lock = Lock()

    def __call__(self, encoder: Encoder, known: KnownVectors) -> IndexNow:
        """See `DocumentVectors`. The documents that were changed before have vectors on return, or soon."""
        with self._lock:
            changes = self._changes.get(encoder.card.digest)
            if changes is None:
                changes = EncodedChanges(encoder, self._corpus(encoder, known), self._journal, self._table)
                self._changes[encoder.card.digest] = changes
        changes.follow()
        return changes.now

    def encode(self, document: Document) -> EncodedText:
        """The vectors of a document by all encoders in use. One that fails has none: the document is then found by
        its words."""
        vectors = {}
        for digest, changes in list(self._changes.items()):
            try:
                vectors[digest] = changes.encoder.encode([document.content])[0]
            except Exception:  # whatever a library raises
                _log.exception("Document %s cannot be encoded; it is found by its words alone", document.doc_id)
        return vectors

    def keep(self, vectors: EncodedText, document: Document) -> None:
        """Let all processes have the vectors of a document that is about to be put. Raises EngineError if they cannot
        be kept."""
        if vectors:
            self._table.add(vectors, document.content)

    @property
    def n_left(self) -> int:
        """Number of texts that are still to be encoded, by all encoders."""
        return self._corpus.n_left + sum(changes.n_left for changes in list(self._changes.values()))

    def follow(self) -> None:
        """Take the latest changes of the journal. Raises EngineError if it cannot be read."""
        for changes in list(self._changes.values()):
            changes.follow()

    def close(self) -> None:
        """Stop encoding, and close the table."""
        for changes in list(self._changes.values()):
            changes.close()
        self._corpus.close()
        self._table.close()


class EncodedChanges:
    """The documents by one encoder: those of the corpus, and the changes over them."""

    def __init__(self, encoder: Encoder, corpus: IndexNow, journal: ChangeJournal, table: VectorTable) -> None:
        self.encoder = encoder
        self._corpus, self._journal, self._table = corpus, journal, table
        self._sequence = 0  # number of the last change that was taken
        self._changed: dict[str, ChangedDocument] = {}  # replaced by every change
        self._waiting: dict[str, Document] = {}  # documents to be encoded in the thread
        self._overlay: OverlayIndex | None = None
        self._index = CurrentIndex(self._current)
        self._lock = Lock()
        self._stop = Event()
        self._thread: Thread | None = None

    def now(self) -> VectorIndex | None:
        """The documents as they are whenever the index is asked; None while the corpus is not encoded."""
        return self._index if self._corpus() is not None else None

    def follow(self) -> None:
        """Take the changes that the journal has got. Raises EngineError."""
        with self._lock:
            changes = self._journal.since(self._sequence)
            if not changes:
                return
            put = [each for each in changes if each.document is not None]
            vectors = dict(
                zip([each.doc_id for each in put], self._table.of(self._digest, _contents(put)), strict=True)
            )
            changed = dict(self._changed)
            for each in changes:
                self._waiting.pop(each.doc_id, None)
                if each.kind is ChangeKind.DROPPED:
                    changed.pop(each.doc_id, None)
                    continue
                vector = vectors.get(each.doc_id)
                place = each.sequence if each.place is None else each.place
                changed[each.doc_id] = ChangedDocument(place, vector)
                if each.document is not None and vector is None:
                    self._waiting[each.doc_id] = each.document
            self._changed, self._sequence = changed, changes[-1].sequence
            if self._waiting and self._thread is None:
                self._thread = Thread(target=self._encode_waiting, name="encode-changes", daemon=True)
                self._thread.start()

    @property
    def n_left(self) -> int:
        """Number of documents that wait for their vectors."""
        return len(self._waiting)

    def close(self) -> None:
        """Stop encoding."""
        self._stop.set()
        if (thread := self._thread) is not None:
            thread.join()

    @property
    def _digest(self) -> str:
        return self.encoder.card.digest

    def _current(self) -> OverlayIndex:
        """The documents as they are now. The corpus has been encoded."""
        base, changed, overlay = self._corpus(), self._changed, self._overlay
        assert base is not None
        if overlay is None or overlay.changed is not changed:
            overlay = self._overlay = OverlayIndex(base, changed)
        return overlay

    def _encode_waiting(self) -> None:
        """Encode the documents that wait, one after the other, and end."""
        encoder = BackgroundEncoder(self.encoder, self._stop)
        while True:
            with self._lock:
                if not self._waiting or self._stop.is_set():
                    self._thread = None
                    return
                document = next(iter(self._waiting.values()))
            vector = self._encoded(document, encoder)
            with self._lock:
                # a later change of the document has taken it out, or put another in its place
                if self._waiting.get(document.doc_id) is document:
                    del self._waiting[document.doc_id]
                    if vector is not None:
                        changed = self._changed[document.doc_id]._replace(vector=vector)
                        self._changed = {**self._changed, document.doc_id: changed}

    def _encoded(self, document: Document, encoder: Encoder) -> Vectors | None:
        """The vector of a document, kept for later; None if the encoder fails or the process ends."""
        try:
            vector: Vectors = encoder.encode([document.content])[0]
        except StoppedError:
            return None
        except Exception:  # whatever a library raises; the thread has other documents to encode
            _log.exception("Document %s cannot be encoded; it is found by its words alone", document.doc_id)
            return None
        try:
            self._table.add({self._digest: vector}, document.content)
        except UntilclickError as error:
            _log.warning("The vector of document %s is not kept: %s", document.doc_id, error)
        return vector


def _contents(changes: Sequence[Change]) -> list[str]:
    return [each.document.content for each in changes if each.document is not None]
