"""Latent semantic indexing of the corpus: the vectors the policy's shared embedding starts from.

Deerwester et al., "Indexing by Latent Semantic Analysis", JASIS 1990, computed by the randomised SVD of Halko,
Martinsson & Tropp 2011 on the L2-normalised (1 + log tf) idf document-term matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from untilclick.rewriter.language.tfidf import tfidf_rows
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.search.text.term_index import TermIndex

POWER_ITERATIONS = 3
"""Subspace iterations of the randomised SVD; 3 separates the leading 192 directions well on corpora of any size."""


def term_vectors(
    index: TermIndex, vocabulary: TermVocabulary, dimension: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """(V, dimension) V sqrt(S) of the SVD, every row scaled to norm sqrt(dimension).

    Special tokens, and terms without a direction of their own, get random rows of the same norm.
    """
    matrix = _document_term_matrix(index, vocabulary)
    right, singular = _right_singular_vectors(matrix, dimension, generator)
    vectors = np.zeros((len(vocabulary), dimension), dtype=np.float32)
    vectors[:, : right.shape[1]] = right * np.sqrt(singular)[None, :]
    norms = np.linalg.norm(vectors, axis=1)
    blank = norms < 1e-6
    vectors[blank] = generator.standard_normal((int(blank.sum()), dimension))
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / norms * np.sqrt(dimension), dtype=np.float32)


def _document_term_matrix(index: TermIndex, vocabulary: TermVocabulary) -> csr_array:
    """(D, V) rows (1 + log tf) idf of unit length; columns of special tokens are empty."""
    columns = vocabulary.index_columns(index)
    kept = columns >= 0
    counts = index.counts[:, columns[kept]].tocsr()
    document_frequency = np.asarray(vocabulary.document_frequencies)[kept[kept.size - len(vocabulary.terms) :]]
    narrow = tfidf_rows(counts, document_frequency, np.float32)
    tokens = np.flatnonzero(kept)[narrow.indices]
    return csr_array((narrow.data, tokens, narrow.indptr), shape=(narrow.shape[0], columns.size))


def _right_singular_vectors(
    matrix: csr_array, rank: int, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rank = min(rank, *matrix.shape)
    probe = generator.standard_normal((matrix.shape[1], rank)).astype(np.float32)
    basis = np.linalg.qr(matrix @ probe)[0]
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(matrix @ np.linalg.qr(matrix.T @ basis)[0])[0]
    _, singular, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return right.T.astype(np.float32), singular.astype(np.float32)
