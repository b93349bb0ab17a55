"""The documents of a corpus as an encoder's vectors, encoded once and kept on disk.

vectors-ENCODER.npy   (N, d) float16, a row for each text that was encoded
vectors-ENCODER.keys.npy   (N,) the hash of the text of each row

ENCODER is the beginning of the encoder's digest. Texts are hashed one by one, so that of an edited corpus only the
edited documents are encoded, and equal texts share a row; the same file serves every corpus in the folder. Rows are
added in pieces: a run that was killed goes on where it stopped. Processes share the mapped file. Rounding to float16
changes a cosine by at most .0005 and halves the file.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from untilclick.search.engines.vectors import growing_array
from untilclick.search.engines.vectors.document_vectors import KnownVectors
from untilclick.search.errors import EngineError
from untilclick.search.files.cache_folder import cache_directory
from untilclick.search.records import Document
from untilclick.search.text.encoders.encoder import Encoder, EncoderCard, Vectors

PIECE = 256
"""Number of texts between two writes. Encoding them takes seconds."""

Hashes = NDArray[np.uint64]
Rows = NDArray[np.int64]
Halves = NDArray[np.float16]

Progress = Callable[[int, int], None]
"""Called with the number of texts that are encoded and the number of all that had to be."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class EncodedDocuments:
    """The vectors of a corpus."""

    vectors: Halves
    """(N, d) vectors of unit length on disk, also of texts that are not of this corpus."""
    rows: Rows
    """(D,) the row of each document, in corpus order."""
    n_encoded: int
    """Number of texts that were encoded now; the others were on disk."""
    n_cut: int
    """Number of those whose end was cut off, because they are longer than the encoder reads."""
    digest: str
    """A hash, in hexadecimal, of the encoder and of the texts in their order: names what is made from the vectors."""

    def matrix(self) -> Vectors:
        """(D, d) A copy of the documents' vectors in float32, in corpus order."""
        return self.of(slice(None))

    def of(self, places: Rows | slice) -> Vectors:
        """(n, d) A copy of the vectors of the documents at these places of the corpus, in float32."""
        return self.vectors[self.rows[places]].astype(np.float32)


def encode_documents(
    documents: Sequence[Document], encoder: Encoder, folder: Path, progress: Progress | None = None
) -> EncodedDocuments:
    """The vectors of documents, of which those that the folder does not hold are encoded and added to it.

    The text of a document is its title and its text. A text that is longer than the encoder reads is cut; a log line
    says how many are. If several processes encode into a folder, one does it and the others wait.

    Raises EngineError if the folder cannot be written or holds a damaged file.
    """
    texts = [document.content for document in documents]
    hashes = text_hashes(texts)
    files = _Files.of(folder, encoder.card)
    stored, n_encoded, n_cut = files.read(), 0, 0
    if len(stored.missing(hashes)):
        with files.locked():
            missing = files.read().missing(hashes)  # another process may have added some
            n_encoded = len(missing)
            n_cut = _add(files, [texts[i] for i in missing], hashes[missing], encoder, progress)
            stored = files.read()
    digest = hashlib.blake2b(encoder.card.digest.encode() + hashes.tobytes(), digest_size=8).hexdigest()
    return EncodedDocuments(stored.vectors, stored.rows_of(hashes), n_encoded, n_cut, digest)


def add_vectors(known: KnownVectors, card: EncoderCard, folder: Path) -> None:
    """Add vectors that an encoder has made elsewhere, of texts that the folder does not hold. Raises EngineError if
    the folder cannot be written or holds a damaged file."""
    files = _Files.of(folder, card)
    if len(files.read().missing(known.hashes)):
        with files.locked():
            missing = files.read().missing(known.hashes)  # another process may have added some
            files.append(known.hashes[missing], known.vectors[missing])


def encode_in_memory(
    documents: Sequence[Document], encoder: Encoder, known: KnownVectors, progress: Progress | None = None
) -> Vectors:
    """(D, d) The vectors of documents in corpus order, of which those that are not known are encoded. No file is read
    or written."""
    texts = [document.content for document in documents]
    hashes = text_hashes(texts)
    vectors = [known.vectors.astype(np.float16)]
    missing = _Stored(vectors[0], known.hashes).missing(hashes)
    for start in range(0, len(missing), PIECE):
        piece = missing[start : start + PIECE]
        vectors.append(encoder.encode([texts[i] for i in piece]).astype(np.float16))
        if progress is not None:
            progress(start + len(piece), len(missing))
    stored = _Stored(np.concatenate(vectors), np.concatenate([known.hashes, hashes[missing]]))
    return stored.vectors[stored.rows_of(hashes)].astype(np.float32)


def vector_folder(index_folder: Path | None) -> Path:
    """The folder for the vectors of a corpus: that of its index, or one in the cache if the index is in memory."""
    return index_folder or cache_directory(os.environ) / "vectors"


def text_hashes(texts: Sequence[str]) -> Hashes:
    """(N,) A hash of each text. Two of a million texts have the same with a probability of 3e-8."""
    digests = (hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest() for text in texts)
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


@dataclass(frozen=True, eq=False)
class _Stored:
    """The content of the files."""

    vectors: Halves
    keys: Hashes

    def rows_of(self, hashes: Hashes) -> Rows:
        """(D,) The row of each text; -1 if it has none."""
        if not len(self.keys):
            return np.full(len(hashes), -1, dtype=np.int64)
        order = np.argsort(self.keys, kind="stable")
        places = np.minimum(np.searchsorted(self.keys, hashes, sorter=order), len(order) - 1)
        rows = order[places]
        return np.where(self.keys[rows] == hashes, rows, -1)

    def missing(self, hashes: Hashes) -> Rows:
        """Places of the texts that have no row, in order; of equal texts the first."""
        _, first = np.unique(hashes, return_index=True)
        first = np.sort(first)
        places: Rows = first[self.rows_of(hashes[first]) < 0]
        return places


@dataclass(frozen=True)
class _Files:
    """The two files of an encoder in a folder."""

    vectors: Path
    keys: Path
    dimension: int

    @classmethod
    def of(cls, folder: Path, card: EncoderCard) -> _Files:
        name = f"vectors-{card.digest[:16]}"
        return cls(folder / f"{name}.npy", folder / f"{name}.keys.npy", card.dimension)

    def read(self) -> _Stored:
        """What they hold; nothing if they are not there."""
        if not self.keys.is_file():
            return _Stored(np.empty((0, self.dimension), dtype=np.float16), np.empty(0, dtype=np.uint64))
        keys = np.array(growing_array.mapped(self.keys))
        vectors = growing_array.mapped(self.vectors)
        if vectors.shape[1:] != (self.dimension,) or len(vectors) < len(keys):
            expected = f"{len(keys)} x {self.dimension}"
            raise EngineError(
                f"{self.vectors} has the shape {vectors.shape}, expected {expected}. Delete it and {self.keys.name} "
                "to have the documents encoded again"
            )
        return _Stored(vectors[: len(keys)], keys)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from writing; the files are made if they are not there."""
        try:
            self.vectors.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.vectors.with_suffix(".lock")):
                if not self.keys.is_file():
                    growing_array.create(self.vectors, (self.dimension,), "<f2")
                    growing_array.create(self.keys, (), "<u8")
                yield
        except OSError as error:
            problem = f"{self.vectors}: encoded documents cannot be kept ({error.strerror or error})"
            raise EngineError(f"{problem}. Free space, or choose a directory that can be written") from error

    def append(self, keys: Hashes, vectors: Vectors) -> None:
        """Add rows. The keys are written last: rows without a key do not count."""
        start = len(growing_array.mapped(self.keys))
        growing_array.append(self.vectors, start, vectors)
        growing_array.append(self.keys, start, keys)


def _add(files: _Files, texts: Sequence[str], hashes: Hashes, encoder: Encoder, progress: Progress | None) -> int:
    """Encode texts and add them, piece by piece; returns how many were cut."""
    _log.info("Encoding %d documents with %s", len(texts), encoder.card.name)
    n_cut = 0
    for start in range(0, len(texts), PIECE):
        piece = texts[start : start + PIECE]
        files.append(hashes[start : start + PIECE], encoder.encode(piece))
        n_cut += encoder.n_cut(piece)
        if progress is not None:
            progress(start + len(piece), len(texts))
    if n_cut:
        _log.info(
            "%d of %d documents are longer than the %s tokens that %s reads; their ends are not encoded",
            n_cut,
            len(texts),
            encoder.card.max_tokens,
            encoder.card.name,
        )
    return n_cut
