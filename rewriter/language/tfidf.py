"""Documents and queries as vectors over the terms of an index, and the heaviest terms of such vectors as words.

The baselines that expand queries use these vectors, and the policy's embedding starts from them. Training targets
weigh terms in another way: `untilclick.rewriter.data.pseudo_queries`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from untilclick.rewriter.language.sparse_rows import entries_of
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex

Weights = Sequence[tuple[str, float]]
"""Words with their weights, heaviest first."""


def document_vectors(index: TermIndex) -> csr_array:
    """(D, V) float32 `tfidf_rows` over all terms of the index."""
    return tfidf_rows(index.counts, index.document_frequencies, np.float64)


def tfidf_rows(
    counts: csr_array, document_frequencies: NDArray[np.int64], precision: type[np.float32 | np.float64]
) -> csr_array:
    """(D, V) float32 rows (1 + log tf) log(D / df) of unit length from counts (D, V) and document frequencies (V,),
    computed in `precision`; a document without terms has an empty row.

    Source: Salton & Buckley, "Term-weighting approaches in automatic text retrieval", IP&M 24(5), 1988.
    """
    idf = np.log(counts.shape[0] / np.maximum(document_frequencies, 1))  # (V,)
    data = ((1.0 + np.log(counts.data)) * idf[counts.indices]).astype(precision)  # (stored entries,)
    vectors = csr_array((data, counts.indices, counts.indptr), shape=counts.shape)
    lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel())  # (D,)
    return _scaled(vectors, lengths).astype(np.float32)


def query_vectors(term_ids: Mapping[str, int], queries: Sequence[str], analysis: Analysis) -> csr_array:
    """(B, V) occurrences of each of the V terms in each query; other terms are left out."""
    rows = [[term_ids[term] for term in analysis.terms(query) if term in term_ids] for query in queries]
    indptr = np.cumsum([0] + [len(row) for row in rows])
    indices = np.array([term for row in rows for term in row], dtype=np.int64)
    vectors = csr_array((np.ones(indices.size), indices, indptr), shape=(len(queries), len(term_ids)))
    vectors.sum_duplicates()
    return vectors


def document_shares(index: TermIndex, weights: Sequence[Mapping[str, float]]) -> csr_array:
    """(B, D) weights of documents, given by id for each of B rows, scaled so that every row sums to 1. Weights that
    are not positive and documents outside the index are left out; a row without any other is empty."""
    column_of = index.doc_rows
    rows = [
        {column_of[doc_id]: weight for doc_id, weight in row.items() if weight > 0 and doc_id in column_of}
        for row in weights
    ]
    indptr = np.cumsum([0] + [len(row) for row in rows])
    columns = np.array([column for row in rows for column in row], dtype=np.int64)
    data = np.array([weight for row in rows for weight in row.values()], dtype=np.float64)
    return rows_of_sum_one(csr_array((data, columns, indptr), shape=(len(rows), len(index.doc_ids))))


def rows_of_sum_one(matrix: csr_array) -> csr_array:
    """Every row of non-negative numbers divided by its sum; empty rows stay empty."""
    return _scaled(matrix, np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel())


def heaviest_words(index: TermIndex, vectors: csr_array, n: int) -> list[Weights]:
    """The n largest positive entries of each row (B, V) as words with their weights; ties in order of term id."""
    expansions: list[Weights] = []
    for row in range(vectors.shape[0]):
        ids, weights = entries_of(vectors, row)
        best = heaviest(weights, n, ties=ids)
        expansions.append([(index.surfaces[ids[i]], float(weights[i])) for i in best if weights[i] > 0])
    return expansions


def _scaled(matrix: csr_array, lengths: NDArray[np.floating]) -> csr_array:
    """Every row divided by its length; the floor keeps empty rows from a division by 0."""
    scaled: csr_array = (diags_array(1.0 / np.maximum(lengths, 1e-9)) @ matrix).tocsr()
    return scaled
