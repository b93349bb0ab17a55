"""The entries of one row of a sparse matrix. No torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


class RowEntries(NamedTuple):
    """The K stored entries of a row, in the order of storage, which need not be that of the columns."""

    columns: NDArray[np.integer]
    """(K,)"""
    weights: NDArray[np.floating]
    """(K,)"""


def entries_of(matrix: csr_array, row: int) -> RowEntries:
    """The entries of a row, as views of the matrix."""
    stored = slice(matrix.indptr[row], matrix.indptr[row + 1])
    return RowEntries(matrix.indices[stored], matrix.data[stored])
