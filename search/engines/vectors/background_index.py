"""The documents of a corpus as an encoder's vectors, made in a thread: searches by words go on meanwhile.

Where nothing can be written, the vectors stay in memory.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic

from untilclick.search.engines.vectors.background_encoder import BackgroundEncoder, StoppedError, have_lowest_priority
from untilclick.search.engines.vectors.document_vectors import KnownVectors
from untilclick.search.engines.vectors.encoded_documents import (
    add_vectors,
    encode_documents,
    encode_in_memory,
    vector_folder,
)
from untilclick.search.engines.vectors.exact_index import ExactIndex
from untilclick.search.engines.vectors.mapped.opened_index import EXACT_UP_TO, vector_index
from untilclick.search.engines.vectors.protocol import VectorIndex
from untilclick.search.errors import EngineError, UntilclickError
from untilclick.search.records import Document
from untilclick.search.text.encoders.encoder import Encoder

PATIENCE_S = 1.0
"""Seconds for which a caller waits for vectors of which none has to be made."""
PROGRESS_S = 10.0
"""Seconds between two lines of progress in the log."""
JOIN_S = 5.0
"""Seconds for which the end of a process waits for the texts that are being encoded."""

Documents = Callable[[], Sequence[Document]]
"""Gives the documents of a corpus in corpus order. Raises UntilclickError if they cannot be read any more."""

_log = logging.getLogger(__name__)


class BackgroundIndex:
    """An index of a corpus by an encoder, as soon as all of its documents have vectors."""

    def __init__(self, documents: Documents, encoder: Encoder, known: KnownVectors, folder: Path | None) -> None:
        """Begin to encode the documents whose vectors are neither known nor in the folder, or in the cache if it is
        None. Returns when that has begun, or when nothing has to be encoded and the index is there."""
        self._index: VectorIndex | None = None
        self._folder = vector_folder(folder)
        self._name = encoder.card.name
        self._settled = threading.Event()  # texts are being encoded, or need not be
        self._stop = threading.Event()
        self._began = False  # to encode texts
        self.n_left = 0
        """Number of texts that are still to be encoded."""
        arguments = (documents, BackgroundEncoder(encoder, self._stop, self._begin), known)
        self._thread = threading.Thread(target=self._run, args=arguments, name="encode-documents", daemon=True)
        self._thread.start()
        self._settled.wait(PATIENCE_S)

    def now(self) -> VectorIndex | None:
        """The index; None while documents are being encoded, and if that has failed."""
        return self._index

    def close(self) -> None:
        """Stop encoding. What was encoded is kept."""
        self._stop.set()
        self._thread.join(JOIN_S)

    def _run(self, documents: Documents, encoder: Encoder, known: KnownVectors) -> None:
        try:
            self._index = self._indexed(documents(), encoder, known)
        except StoppedError:
            _log.info("Encoding documents is interrupted, and goes on at the next start")
        except UntilclickError as error:
            _log.error("The documents cannot be encoded, so queries are searched as typed: %s", error)
        except Exception:  # whatever a library raises; the service goes on with words
            _log.exception("The documents cannot be encoded, so queries are searched as typed")
        finally:
            if self._began and self._index is not None:
                _log.info("All documents are encoded: queries are read as documents, too")
            self.n_left = 0
            self._settled.set()

    def _indexed(self, documents: Sequence[Document], encoder: Encoder, known: KnownVectors) -> VectorIndex:
        doc_ids = [document.doc_id for document in documents]
        self.n_left = len(documents)
        progress = _Progress(self)
        try:
            add_vectors(known, encoder.card, self._folder)
            encoded = encode_documents(documents, encoder, self._folder, progress)
            if len(documents) > EXACT_UP_TO:  # a graph may have to be made, which takes minutes
                have_lowest_priority()
            return vector_index(doc_ids, encoded, self._folder)
        except EngineError as error:
            _log.warning("Encoded documents are kept in memory alone: %s", error)
            return ExactIndex(doc_ids, encode_in_memory(documents, encoder, known, progress))

    def _begin(self) -> None:
        """Texts have to be encoded."""
        self._began = True
        _log.warning("Queries are searched as typed until %s has encoded the documents", self._name)
        self._settled.set()


class _Progress:
    """Tells how many texts are encoded, in the log now and then."""

    def __init__(self, index: BackgroundIndex) -> None:
        self._index = index
        self._started = self._told = monotonic()

    def __call__(self, n_encoded: int, n_all: int) -> None:
        self._index.n_left = n_all - n_encoded
        now = monotonic()
        if now - self._told > PROGRESS_S:
            self._told = now
            left_s = (now - self._started) / n_encoded * (n_all - n_encoded)
            _log.info("%d of %d documents are encoded, the others in about %.0f s", n_encoded, n_all, left_s)
