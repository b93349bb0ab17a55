"""The documents of a service as vectors: one index for each encoder in use, shared by all that ask for it."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from untilclick.search.engines.vectors.background_index import BackgroundIndex, Documents
from untilclick.search.engines.vectors.document_vectors import IndexNow, KnownVectors
from untilclick.search.text.encoders.encoder import Encoder


class SharedVectors:
    """`DocumentVectors` of a corpus, encoded in the background. An index is released with its last user. Threads may
    share this object."""

    def __init__(self, documents: Documents, folder: Path | None) -> None:
        """Vectors are kept in the folder, or in the cache if it is None."""
        self._documents = documents
        self._folder = folder
        self._indexes: WeakValueDictionary[str, BackgroundIndex] = WeakValueDictionary()  # by the encoder's digest
        self._lock = Lock()

    def __call__(self, encoder: Encoder, known: KnownVectors) -> IndexNow:
        """See `DocumentVectors`. `known` counts for the first caller with an encoder; later ones share its index."""
        with self._lock:
            index = self._indexes.get(encoder.card.digest)
            if index is None:
                index = BackgroundIndex(self._documents, encoder, known, self._folder)
                self._indexes[encoder.card.digest] = index
        return index.now

    @property
    def n_left(self) -> int:
        """Number of texts that are still to be encoded, by all encoders."""
        return sum(index.n_left for index in list(self._indexes.values()))

    def close(self) -> None:
        """Stop encoding."""
        for index in list(self._indexes.values()):
            index.close()
