"""The terms of the documents that a memory holds, and the keys that follow from them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.language.sparse_rows import entries_of
from untilclick.rewriter.language.vocabulary import PAD_ID
from untilclick.search.text.heaviest import heaviest


class DocumentTerms(NamedTuple):
    """The terms of D remembered documents."""

    documents: Tensor
    """(D,) int64, rising: the row of each document in the corpus."""
    ids: Tensor
    """(D, K) int64, terms of each document, heaviest first; padded with PAD_ID."""
    weights: Tensor
    """(D, K) float32, weights of these terms."""


def remember(term_weights: csr_array, n_terms: int, most: int) -> DocumentTerms:
    """The `n_terms` heaviest terms of each document, by weights (documents of the corpus, V). Of a corpus with more
    than `most` documents, `most` evenly spaced ones are remembered."""
    n_documents = term_weights.shape[0]
    rows = np.unique(np.linspace(0, n_documents - 1, min(most, n_documents)).round().astype(np.int64))  # (D,)
    ids = np.full((rows.size, n_terms), PAD_ID, dtype=np.int64)  # (D, K)
    weights = np.zeros((rows.size, n_terms), dtype=np.float32)  # (D, K)
    for position, row in enumerate(rows):
        entries = entries_of(term_weights, int(row))
        best = heaviest(entries.weights, n_terms)
        ids[position, : best.size] = entries.columns[best]
        weights[position, : best.size] = entries.weights[best]
    weights /= np.maximum(weights.sum(1, keepdims=True), TINY)
    return DocumentTerms(torch.from_numpy(rows), torch.from_numpy(ids), torch.from_numpy(weights))


def semantic_keys(terms: DocumentTerms, vectors: Tensor) -> Tensor:
    """(D, d) weighted mean of the vectors (V, d) of each document's terms, which is about the state of an untrained
    policy for these terms as a query."""
    return (vectors[terms.ids] * terms.weights[..., None]).sum(1)
