"""The documents of an engine as vectors, for whatever encoder a version of the rewriter has."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from untilclick.search.engines.vectors.protocol import VectorIndex
from untilclick.search.text.encoders.encoder import Encoder, Vectors

IndexNow = Callable[[], VectorIndex | None]
"""The documents as they are now; None while they are not encoded."""


class KnownVectors(NamedTuple):
    """Vectors that need not be made."""

    hashes: NDArray[np.uint64]
    """(N,) of the texts, see `encoded_documents.text_hashes`."""
    vectors: Vectors
    """(N, d)"""


class DocumentVectors(Protocol):
    """Gives the documents of one engine as an encoder's vectors."""

    def __call__(self, encoder: Encoder, known: KnownVectors) -> IndexNow:
        """The index by an encoder, some of whose vectors are known. Raises EngineError if it cannot be kept."""


def not_encoded(encoder: Encoder, known: KnownVectors) -> IndexNow:  # noqa: ARG001  the same for every encoder
    """A `DocumentVectors` that has none."""
    return lambda: None
