"""The entries of one row of a sparse matrix, and the heaviest of some weights. No torch.

`numpy.argpartition` alone would do for the heaviest, but for ties: which of equally heavy terms a document or a query
is given must not depend on the library's version.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

MANY = 1000
"""From this many weights on, it is quicker to look for the n-th heaviest first than to sort them all."""


def entries_of(matrix: csr_array, row: int) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """(K,) columns and (K,) weights of a row of K entries, as they are stored: not always in order of columns."""
    own = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return matrix.indices[own], matrix.data[own]


def heaviest(weights: NDArray[np.floating], n: int, ties: NDArray[np.integer] | None = None) -> NDArray[np.int64]:
    """Places of the n largest of weights (K,), the largest first; all where n is more. Equal weights come in order of
    `ties` (K,), or of their places. Weights [1, 3, 3] with n = 2 give [1, 2], and with ties [0, 9, 5] [2, 1]."""
    places = np.arange(weights.size)
    if weights.size >= MANY and 0 < n < weights.size:
        places = np.flatnonzero(weights >= np.partition(weights, -n)[-n])
    if ties is not None:
        places = places[np.argsort(ties[places], kind="stable")]
    return places[np.argsort(-weights[places], kind="stable")[:n]]
