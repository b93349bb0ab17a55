"""Documents as vectors of their terms."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array, diags_array


def unit_tf_idf(counts: csr_array) -> csr_array:
    """(D, T) vectors of unit length from the counts (D, T) of the terms of documents: (1 + log tf) log(D / df), the
    weights `ltc` of Salton & Buckley, "Term-weighting approaches in automatic text retrieval", IP&M 24(5), 1988.
    Documents whose terms all documents have are zeros."""
    weights = counts.astype(np.float64)
    weights.data = 1.0 + np.log(weights.data)
    frequencies = np.maximum(np.bincount(weights.indices, minlength=weights.shape[1]), 1)
    weights = csr_array(weights @ diags_array(np.log(weights.shape[0] / frequencies)))
    lengths = np.sqrt(weights.multiply(weights).sum(axis=1))
    return csr_array(diags_array(1.0 / np.maximum(lengths, 1e-9)) @ weights)
