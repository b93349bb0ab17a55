"""Exact search among the vectors of documents: one product of the query's vector with all of them.

The product is taken in float32, which BLAS multiplies fast; numpy multiplies float16 eighteen times slower. On one
thread of a busy machine the nearest 200 take 1 ms of 10,000 vectors of 384 numbers, and 10 to 20 ms of 100,000, which
fill 15 and 154 MB of memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from untilclick.search.engines.vectors.document_places import DocumentPlaces, Places
from untilclick.search.engines.vectors.moments import PIECE, Moments
from untilclick.search.engines.vectors.protocol import Spread
from untilclick.search.records import ScoredDoc
from untilclick.search.text.encoders.encoder import Vectors
from untilclick.search.text.heaviest import heaviest

ROUNDING = 5e-5
"""Limit of the error of a product of unit vectors in float32: their length d times 6e-8, for 384 numbers 2.3e-5."""


@dataclass(frozen=True, eq=False)
class ExactIndex:
    """Vectors of documents, in corpus order. Threads may share it."""

    doc_ids: Sequence[str]
    """(D,)"""
    vectors: Vectors
    """(D, d) of unit length, or zero for a document without text."""
    _places: DocumentPlaces = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.doc_ids) != len(self.vectors):
            raise ValueError(f"{len(self.doc_ids)} documents have {len(self.vectors)} vectors; expected one each")
        object.__setattr__(self, "_places", DocumentPlaces(self.doc_ids))

    def nearest(self, vector: Vectors, n: int) -> list[ScoredDoc]:
        """The n documents of the highest cosines with a vector (d,), best first; equal ones in corpus order."""
        rows = near_the_best(self.vectors @ vector, n, ROUNDING)
        cosines = row_cosines(self.vectors[rows], vector)
        return [ScoredDoc(self.doc_ids[rows[i]], float(cosines[i])) for i in heaviest(cosines, n)]

    def cosines(self, vector: Vectors, doc_ids: Sequence[str]) -> list[float]:
        """The cosines of given documents with a vector (d,), in their order.

        Raises UnknownDocumentError for an id without a vector.
        """
        cosines: list[float] = row_cosines(self.vectors[self._places.of(doc_ids)], vector).tolist()
        return cosines

    def in_corpus_order(self, doc_ids: Collection[str]) -> list[str]:
        """The ids by their places. Raises UnknownDocumentError for an id without a vector."""
        return self._places.in_corpus_order(doc_ids)

    def spread(self, vector: Vectors) -> Spread:
        """Mean and deviation of the cosines of all documents with a vector (d,); zeros if there are no documents."""
        return self._moments.spread(vector)

    def __contains__(self, doc_id: object) -> bool:
        """Whether a document has a vector."""
        return doc_id in self._places

    def is_changed(self, doc_id: str) -> bool:  # noqa: ARG002  these documents stay as they are
        """See `VectorIndex.is_changed`."""
        return False

    def __len__(self) -> int:
        """Number of documents."""
        return len(self.doc_ids)

    @cached_property
    def _moments(self) -> Moments:
        pieces = (self.vectors[start : start + PIECE] for start in range(0, len(self), PIECE))
        return Moments.of(pieces, self.vectors.shape[1])


def near_the_best(products: NDArray[np.floating], n: int, rounding: float) -> Places:
    """(n or more,) The places, ascending, of the n highest of products (D,) that may be wrong by `rounding`, and of
    all that may be as high as these."""
    if not 0 < n < len(products):
        return np.arange(len(products) if n > 0 else 0)
    return np.flatnonzero(products >= np.partition(products, -n)[-n] - 2 * rounding)


def row_cosines(vectors: Vectors, vector: Vectors) -> Vectors:
    """(n,) The products of vectors (n, d) with a vector (d,), summed row by row: BLAS adds in another order at
    another place of a matrix, so that equal documents would not tie."""
    return np.asarray((vectors * vector).sum(axis=1), dtype=np.float32)
