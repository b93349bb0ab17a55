"""The BM25 formula, one pure function per part, and the whole corpus as a term-by-document matrix of its weights.

Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, eq. 3.15, with the idf of
Lucene and tantivy, log(1 + (N - df + .5) / (df + .5)), which is never negative. The factor (k1 + 1) is left out: it
scales all scores alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from untilclick.search.text.term_index import TermIndex


def idf(document_frequency: NDArray[np.int64], n_documents: int) -> NDArray[np.float64]:
    """(V,) inverse document frequency, natural logarithm, > 0."""
    return np.log1p((n_documents - document_frequency + 0.5) / (document_frequency + 0.5))


def saturation(
    tf: NDArray[np.float32], length_ratio: NDArray[np.float32], k1: float, b: float
) -> NDArray[np.float32]:
    """tf / (tf + k1 (1 - b + b length_ratio)), in [0, 1); `length_ratio` is document length over mean length."""
    return np.asarray(tf / (tf + k1 * (1.0 - b + b * length_ratio)), dtype=np.float32)


def quantise_lengths(lengths: NDArray[np.float32]) -> NDArray[np.float32]:
    """Round document lengths down to what Lucene and tantivy store in one byte (SmallFloat.intToByte4: exact below
    40, four significant bits above)."""
    values = lengths.astype(np.int64)
    excess = np.maximum(values - 24, 1)
    shift = np.maximum(np.floor(np.log2(excess)).astype(np.int64) - 3, 0)
    rounded = ((values - 24) >> shift) << shift
    return np.where(values < 24, values, 24 + rounded).astype(np.float32)


def weight_matrix(index: TermIndex, k1: float, b: float, *, quantise: bool) -> csr_array:
    """(V, D) float32: BM25 weight of each term in each document; a document's score for a weighted query is the
    weighted sum of rows. `quantise` reproduces the stored lengths of Lucene and tantivy."""
    lengths = index.doc_lengths
    mean = float(lengths.mean()) if lengths.size else 1.0
    ratio = (quantise_lengths(lengths) if quantise else lengths) / max(mean, 1e-9)
    by_document = index.counts
    rows = np.repeat(np.arange(by_document.shape[0]), np.diff(by_document.indptr))
    term_idf = idf(index.document_frequencies, len(index.doc_ids)).astype(np.float32)
    data = saturation(by_document.data, ratio[rows], k1, b) * term_idf[by_document.indices]
    return csr_array((data, by_document.indices, by_document.indptr), shape=by_document.shape).T.tocsr()
