"""The entries of one row of a sparse matrix. No torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


def entries_of(matrix: csr_array, row: int) -> tuple[NDArray[np.integer], NDArray[np.floating]]:
    """(K,) columns and (K,) weights of a row of K entries, as they are stored: not always in order of columns."""
    own = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return matrix.indices[own], matrix.data[own]
