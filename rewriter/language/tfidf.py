"""Documents and queries as vectors over the terms of an index, and the heaviest terms of such vectors as words.

What the baselines that expand queries share, and the rows that the policy's vectors start from. What the policy is
taught weighs terms in another way: `untilclick.rewriter.data.pseudo_queries`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from untilclick.rewriter.language.sparse_rows import entries_of
from untilclick.search.text.analysis import terms
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex

Weights = Sequence[tuple[str, float]]
"""Words with their weights, heaviest first."""


def document_vectors(index: TermIndex) -> csr_array:
    """(D, V) float32 `tfidf_rows` of all terms of the index."""
    return tfidf_rows(index.counts, index.document_frequencies, np.float64)


def tfidf_rows(
    counts: csr_array, document_frequencies: NDArray[np.int64], precision: type[np.float32 | np.float64]
) -> csr_array:
    """(D, V) float32 rows (1 + log tf) log(D / df) of unit length, computed in a precision, from counts (D, V) and
    numbers of documents (V,); documents without terms have empty rows.

    Source: Salton & Buckley, "Term-weighting approaches in automatic text retrieval", IP&M 24(5), 1988.
    """
    idf = np.log(counts.shape[0] / np.maximum(document_frequencies, 1))
    data = ((1.0 + np.log(counts.data)) * idf[counts.indices]).astype(precision)
    vectors = csr_array((data, counts.indices, counts.indptr), shape=counts.shape)
    lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())
    return _scaled(vectors, lengths).astype(np.float32)


def query_vectors(term_ids: Mapping[str, int], queries: Sequence[str]) -> csr_array:
    """(B, V) occurrences of each of the V terms in each query; other terms are left out."""
    known = [[term_ids[term] for term in terms(query) if term in term_ids] for query in queries]
    indptr = np.cumsum([0] + [len(row) for row in known])
    indices = np.array([term for row in known for term in row], dtype=np.int64)
    vectors = csr_array((np.ones(indices.size), indices, indptr), shape=(len(queries), len(term_ids)))
    vectors.sum_duplicates()
    return vectors


def document_shares(index: TermIndex, weights: Sequence[Mapping[str, float]]) -> csr_array:
    """(B, D) documents by id with their weights, rows scaled to sum 1; weights of 0 and below, and documents that the
    index lacks, are left out, and a row without any other is empty."""
    rows = index.doc_rows
    kept = [
        {rows[doc_id]: weight for doc_id, weight in row.items() if weight > 0 and doc_id in rows} for row in weights
    ]
    indptr = np.cumsum([0] + [len(row) for row in kept])
    columns = np.array([column for row in kept for column in row], dtype=np.int64)
    data = np.array([weight for row in kept for weight in row.values()], dtype=np.float64)
    return rows_of_sum_one(csr_array((data, columns, indptr), shape=(len(kept), len(index.doc_ids))))


def rows_of_sum_one(matrix: csr_array) -> csr_array:
    """Every row of non-negative numbers divided by its sum; empty rows stay empty."""
    return _scaled(matrix, np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel())


def heaviest_words(index: TermIndex, vectors: csr_array, n: int) -> list[Weights]:
    """The n largest positive entries of each row (B, V) as words with their weights; ties in order of term id."""
    found: list[Weights] = []
    for row in range(vectors.shape[0]):
        ids, weights = entries_of(vectors, row)
        best = heaviest(weights, n, ties=ids)
        found.append([(index.surfaces[ids[i]], float(weights[i])) for i in best if weights[i] > 0])
    return found


def _scaled(matrix: csr_array, lengths: NDArray[np.floating]) -> csr_array:
    scaled: csr_array = (diags_array(1.0 / np.maximum(lengths, 1e-9)) @ matrix).tocsr()
    return scaled
