"""The formula of BM25 as pure functions, and the matrix of BM25 weights of a whole corpus.

Robertson & Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009, eq. 3.15, with the idf of Lucene
and tantivy, log(1 + (N - df + .5) / (df + .5)), which is never negative. The factor (k1 + 1) is left out, because it
multiplies all scores alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from untilclick.search.analysis.by_name import is_first
from untilclick.search.text.term_index import TermIndex


def idf(document_frequency: NDArray[np.int64], n_documents: int) -> NDArray[np.float64]:
    """(V,) inverse document frequencies, > 0, natural logarithm, from document frequencies (V,)."""
    return np.log1p((n_documents - document_frequency + 0.5) / (document_frequency + 0.5))


def saturation(
    tf: NDArray[np.float32], length_ratio: NDArray[np.float32], k1: float, b: float
) -> NDArray[np.float32]:
    """tf / (tf + k1 (1 - b + b length_ratio)), elementwise, in [0, 1).

    `tf` is the number of occurrences of a term, `length_ratio` the document's length divided by the mean length.
    """
    return np.asarray(tf / (tf + k1 * (1.0 - b + b * length_ratio)), dtype=np.float32)


def quantise_lengths(lengths: NDArray[np.float32]) -> NDArray[np.float32]:
    """(D,) document lengths rounded down to the values that Lucene and tantivy store in one byte.

    Their SmallFloat.intToByte4 is exact below 40. Of a larger length it keeps 24 and the four leading bits of the
    rest: 39 stays 39, and 100 = 24 + 0b1001100 becomes 24 + 0b1001000 = 96.
    """
    values = lengths.astype(np.int64)
    excess = np.maximum(values - 24, 1)  # at least 1, for the logarithm
    shift = np.maximum(np.floor(np.log2(excess)).astype(np.int64) - 3, 0)  # trailing bits to clear
    rounded = ((values - 24) >> shift) << shift
    return np.where(values < 24, values, 24 + rounded).astype(np.float32)


def weight_matrix(index: TermIndex, k1: float, b: float, *, quantise: bool) -> csr_array:
    """(V, D) float32, the BM25 weight of each term in each document.

    The scores of all documents for a weighted query are the weighted sum of its terms' rows. With `quantise` document
    lengths are rounded as Lucene and tantivy store them.
    """
    lengths = index.doc_lengths  # (D,)
    if quantise and not is_first(index.analysis):
        lengths = np.maximum(lengths, 1.0)  # an empty document has the term NO_TERM
    mean = float(lengths.mean()) if lengths.size else 1.0  # of the exact lengths, as in Lucene
    ratio = (quantise_lengths(lengths) if quantise else lengths) / max(mean, 1e-9)  # (D,)
    by_document = index.counts  # (D, V) with E entries
    rows = np.repeat(np.arange(by_document.shape[0]), np.diff(by_document.indptr))  # (E,), the document of each entry
    term_idf = idf(index.document_frequencies, len(index.doc_ids)).astype(np.float32)  # (V,)
    data = saturation(by_document.data, ratio[rows], k1, b) * term_idf[by_document.indices]  # (E,)
    return csr_array((data, by_document.indices, by_document.indptr), shape=by_document.shape).T.tocsr()
