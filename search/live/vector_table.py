"""The vectors of documents that were put, kept in the journal's database, so that a text is encoded once.

A row has the vector of one text by one encoder, in float16 as in the files of encoded documents. It is on the disk
before the journal says that the document was put. Rows of texts that no document has any more are removed at a start.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock

import numpy as np

from untilclick.search.engines.vectors.encoded_documents import text_hashes
from untilclick.search.live.journal import BUSY_TIMEOUT_S, journal_errors
from untilclick.search.text.encoders.encoder import Vectors

_CREATE = """
CREATE TABLE IF NOT EXISTS vectors (encoder TEXT NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL,
                                    PRIMARY KEY (encoder, text))
"""
_AT_ONCE = 500
"""Texts that one statement asks for; SQLite allows no more than 999 values in some builds."""


class VectorTable:
    """Vectors by the digest of their encoder and the hash of their text. Threads may share it. Every method raises
    EngineError if the file or its disk fails."""

    def __init__(self, path: Path) -> None:
        """Open the table in the file of a journal; make it if it is missing."""
        self._path = path
        self._lock = Lock()
        with journal_errors(path):
            self._connection = sqlite3.connect(path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(_CREATE)

    def of(self, encoder: str, texts: Sequence[str]) -> list[Vectors | None]:
        """The vector (d,) of each text by the encoder of a digest; None if there is none."""
        keys = _keys(texts)
        found: dict[bytes, bytes] = {}
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            places = ", ".join("?" * len(part))
            query = f"SELECT text, vector FROM vectors WHERE encoder = ? AND text IN ({places})"
            with self._lock, journal_errors(self._path):
                found.update(self._connection.execute(query, (encoder, *part)).fetchall())
        return [_vector(found[key]) if key in found else None for key in keys]

    def add(self, vectors: Mapping[str, Vectors], text: str) -> None:
        """Keep the vectors (d,) of a text, by the digests of the encoders. On return they are on the disk."""
        (key,) = _keys([text])
        rows = [(encoder, key, vector.astype("<f2").tobytes()) for encoder, vector in vectors.items()]
        with self._lock, journal_errors(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.rollback()
                raise

    def keep_only(self, texts: Iterable[str]) -> None:
        """Remove the vectors of all other texts. The caller holds the lock of the journal."""
        with self._lock, journal_errors(self._path):
            stored = {key for (key,) in self._connection.execute("SELECT DISTINCT text FROM vectors")}
            left_over = stored - set(_keys(list(texts)))
            if left_over:
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("DELETE FROM vectors WHERE text = ?", [(key,) for key in left_over])
                self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def _keys(texts: Sequence[str]) -> list[bytes]:
    return [int(each).to_bytes(8, "big") for each in text_hashes(texts)]


def _vector(content: bytes) -> Vectors:
    return np.frombuffer(content, dtype="<f2").astype(np.float32)
