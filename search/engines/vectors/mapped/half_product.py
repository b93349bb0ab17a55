"""Exact candidates from one product of a query with all vectors in float16, where they lie on disk.

numkong multiplies float16 rows with SIMD instructions and sums in float32; numpy would first need a float32 copy of
all rows in every process. On one thread the product with 100,000 vectors of 384 numbers takes 3 ms, and numpy's
float32 product 9 ms.
"""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from untilclick.search.engines.vectors.document_places import Places
from untilclick.search.engines.vectors.encoded_documents import EncodedDocuments
from untilclick.search.engines.vectors.exact_index import near_the_best
from untilclick.search.errors import MissingDependencyError
from untilclick.search.text.encoders.encoder import Vectors

ROUNDING = 6e-4
"""Limit of the error of a product. Rounding a query of unit length to float16 changes its product with another unit
vector by at most 2^-11 = 4.9e-4; the rest is room for float16's smallest numbers and for the sum in float32."""

MOST_FOREIGN = 2
"""Rows of other texts between the documents' are multiplied too. If the rows are more than this times as many as the
documents, the documents' rows are copied into memory instead."""


class HalfProduct:
    """All documents whose product is near enough to the n-th highest to be among the n nearest."""

    def __init__(self, encoded: EncodedDocuments) -> None:
        """Raises MissingDependencyError if numkong is not installed."""
        if not is_installed():
            raise MissingDependencyError.of("numkong", "ann")
        vectors, rows = encoded.vectors, encoded.rows
        first, end = (int(rows.min()), int(rows.max()) + 1) if len(rows) else (0, 0)
        if end - first > MOST_FOREIGN * len(rows):
            vectors, rows, first, end = vectors[rows], np.arange(len(rows)), 0, len(rows)
        self._vectors = vectors[first:end]  # (R, d)
        self._rows = rows - first  # (D,)

    def places(self, vector: Vectors, n: int) -> Places:
        """See `Candidates.places`; none of the n nearest is missing."""
        import numkong  # noqa: PLC0415

        if not len(self._rows):
            return np.empty(0, dtype=np.int64)
        halves = vector.astype(np.float16)[None, :]  # (1, d)
        products = np.asarray(numkong.cdist(halves, self._vectors, "dot"))[0, self._rows]  # (D,)
        return near_the_best(products, n, ROUNDING)


def is_installed() -> bool:
    """Whether numkong can be imported."""
    return find_spec("numkong") is not None
