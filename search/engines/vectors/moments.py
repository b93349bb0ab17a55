"""Mean and covariance of the documents' vectors, from which the spread of a query's cosines costs no pass over them.

The cosines of unit vectors v of mean m and covariance C with a query q have the mean m'q and the variance q'Cq.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from untilclick.search.engines.vectors.protocol import Spread
from untilclick.search.text.encoders.encoder import Vectors

PIECE = 16_384
"""Number of vectors that are multiplied at a time, so that a million mapped rows need 25 MB of memory."""


@dataclass(frozen=True, eq=False)
class Moments:
    """The first two moments of vectors."""

    mean: NDArray[np.float64]
    """(d,)"""
    covariance: NDArray[np.float64]
    """(d, d) with the divisor N."""

    @classmethod
    def of(cls, pieces: Iterable[Vectors], dimension: int) -> Moments:
        """The moments of vectors that come in pieces (n, d), all zero if there are none.

        Sums are float64, products within a piece float32: a deviation is exact to about 1e-6.
        """
        count, total = 0, np.zeros(dimension)
        products = np.zeros((dimension, dimension))
        for piece in pieces:
            count += len(piece)
            total += piece.sum(axis=0, dtype=np.float64)
            products += piece.T @ piece
        mean = total / max(count, 1)
        return cls(mean, products / max(count, 1) - np.outer(mean, mean))

    def spread(self, vector: Vectors) -> Spread:
        """Mean and deviation of the inner products of the vectors with a vector (d,)."""
        query = vector.astype(np.float64)
        variance = float(query @ self.covariance @ query)
        return Spread(float(self.mean @ query), max(variance, 0.0) ** 0.5)
