"""Latent semantic indexing of the corpus: the vectors from which the policy's shared embedding starts.

Deerwester et al., "Indexing by Latent Semantic Analysis", JASIS 1990, computed by the randomised SVD of Halko,
Martinsson & Tropp 2011 on the L2-normalised (1 + log tf) idf document-term matrix.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from untilclick.rewriter.language.tfidf import tfidf_rows
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.search.text.term_index import TermIndex

POWER_ITERATIONS = 3
"""Subspace iterations of the randomised SVD; 3 separate the leading 192 directions well on corpora of any size."""


class _RightFactor(NamedTuple):
    """The right half of a truncated singular value decomposition M ~ U S V^T of rank k."""

    vectors: NDArray[np.float32]
    """(V, k) right singular vectors, as columns."""
    values: NDArray[np.float32]
    """(k,) singular values, falling."""


def term_vectors(
    index: TermIndex, vocabulary: TermVocabulary, dimension: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """(V, dimension) rows of V sqrt(S) of the SVD, each scaled to norm sqrt(dimension).

    Special tokens, and terms whose row is zero, get random rows of the same norm.
    """
    factor = _right_factor(_document_term_matrix(index, vocabulary), dimension, generator)
    vectors = np.zeros((len(vocabulary), dimension), dtype=np.float32)
    # V S lets the few leading directions dominate, V alone weighs noise like topics; V sqrt(S) lies between them.
    vectors[:, : factor.vectors.shape[1]] = factor.vectors * np.sqrt(factor.values)[None, :]
    norms = np.linalg.norm(vectors, axis=1)  # (V,)
    blank = norms < 1e-6
    vectors[blank] = generator.standard_normal((int(blank.sum()), dimension))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)  # (V, 1)
    # Norm sqrt(dimension) is that of a standard normal row, the scale in which T5 initialises its embedding.
    return np.asarray(vectors / norms * np.sqrt(dimension), dtype=np.float32)


def _document_term_matrix(index: TermIndex, vocabulary: TermVocabulary) -> csr_array:
    """(D, V) rows (1 + log tf) idf of unit length; columns of special tokens are empty."""
    columns = vocabulary.index_columns(index)  # (V,)
    indexed = columns >= 0
    counts = index.counts[:, columns[indexed]].tocsr()  # (D, indexed terms)
    n_special = indexed.size - len(vocabulary.terms)
    document_frequency = np.asarray(vocabulary.document_frequencies)[indexed[n_special:]]
    rows = tfidf_rows(counts, document_frequency, np.float32)
    tokens = np.flatnonzero(indexed)[rows.indices]  # columns of `counts` -> token ids
    return csr_array((rows.data, tokens, rows.indptr), shape=(rows.shape[0], columns.size))


def _right_factor(matrix: csr_array, rank: int, generator: np.random.Generator) -> _RightFactor:
    """The leading `rank` right singular vectors of a matrix (D, V); fewer if D or V is smaller."""
    rank = min(rank, *matrix.shape)
    probe = generator.standard_normal((matrix.shape[1], rank)).astype(np.float32)  # (V, k)
    basis = np.linalg.qr(matrix @ probe)[0]  # (D, k)
    for _ in range(POWER_ITERATIONS):
        # QR after every product: without it all columns turn towards the first direction in float32.
        basis = np.linalg.qr(matrix @ np.linalg.qr(matrix.T @ basis)[0])[0]  # (D, k)
    _, singular, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)  # (k,), (k, V)
    return _RightFactor(right.T.astype(np.float32), singular.astype(np.float32))
