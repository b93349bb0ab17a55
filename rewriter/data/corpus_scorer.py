"""BM25 scores of thousands of weighted queries at once, by one sparse matrix product per batch.

PPO needs about ten thousand rankings a second, of queries that differ in four terms; an engine answers one query
after the other. The rankings equal those of the engine whose k1, b, idf and length rounding are used, which a test
checks. A batch takes one float per query and document, which limits this to corpora of about 50,000 documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from torch import Tensor

from untilclick.rewriter.language.sparse_rows import entries_of
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.rewriter.serving.blend import context_share
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.bm25 import idf, weight_matrix
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex

FEEDBACK_DOCUMENTS = 10
"""Documents of the relevance model, the first of a ranking, as in `SearchEngine.feedback_terms`."""


@dataclass(frozen=True)
class Bm25Settings:
    """The ranking function of an engine."""

    k1: float
    """Saturation of the term frequency."""
    b: float
    """Share of the document length that is normalised away, 0..1."""
    quantise: bool
    """True for engines that round document lengths to one byte (Lucene, tantivy)."""
    idf: Literal["lucene", "okapi"] = "lucene"
    """`okapi` is the idf of rank-bm25, see `okapi_idf`."""


ENGINE_SETTINGS: dict[str, Bm25Settings] = {
    "tantivy": Bm25Settings(1.2, 0.75, quantise=True),
    "rank-bm25": Bm25Settings(0.9, 0.4, quantise=False, idf="okapi"),
    "opensearch": Bm25Settings(1.2, 0.75, quantise=True),
}
"""The ranking function of each engine, by its name."""


class CorpusScorer:
    """BM25 scores of batches of queries over one corpus of D documents."""

    @classmethod
    def of(cls, opened: OpenedCollection, vocabulary: TermVocabulary) -> CorpusScorer:
        """The ranking function of the collection's engine, over the terms of a vocabulary."""
        return cls(opened.index, vocabulary, ENGINE_SETTINGS[opened.engine_name])

    def __init__(self, index: TermIndex, vocabulary: TermVocabulary, settings: Bm25Settings) -> None:
        """Below, I is the number of terms of the index, and V that of tokens of the vocabulary."""
        self.index = index
        self.vocabulary = vocabulary
        self.n_documents = len(index.doc_ids)
        weights = weight_matrix(index, settings.k1, settings.b, quantise=settings.quantise)  # (I, D)
        if settings.idf == "okapi":
            frequency, n = index.document_frequencies, self.n_documents
            # The matrix contains Lucene's idf as a factor: exchange it.
            weights = (diags_array(okapi_idf(frequency, n) / idf(frequency, n)) @ weights).tocsr().astype(np.float32)
        self._weights = weights
        selection = _selection(vocabulary.index_columns(index), len(index.terms))  # (V, I)
        self._token_weights = (selection @ weights).tocsr()  # (V, D)
        lengths = np.repeat(np.maximum(index.doc_lengths, 1.0), np.diff(index.counts.indptr))  # (stored entries,)
        self._term_probs = csr_array(  # (D, I) p(term | document), the maximum likelihood estimate
            (index.counts.data / lengths, index.counts.indices, index.counts.indptr), shape=index.counts.shape
        )

    def originals(
        self, queries: Sequence[Sequence[str]], contexts: Sequence[Sequence[str]] = (), limit: float = 0.0
    ) -> Tensor:
        """(B, D) BM25 of queries given as index terms, divided by the number of their terms in the corpus. A query
        without such a term scores 0 on every document.

        `contexts` are the context terms of each query; without it no query has context. Those that the corpus
        contains divide the share of `blend.context_share` equally, with `limit` as the largest share."""
        assert len(contexts) in (0, len(queries))
        pairs = zip_longest(queries, contexts, fillvalue=())
        rows = [self._typed(query, context, limit) for query, context in pairs]  # (term, weight) pairs of each query
        indptr = np.cumsum([0] + [len(row) for row in rows])
        data = np.array([weight for row in rows for _, weight in row], dtype=np.float32)
        indices = np.array([term for row in rows for term, _ in row], dtype=np.int64)
        queries_by_term = csr_array((data, indices, indptr), shape=(len(rows), len(self.index.terms)))  # (B, I)
        return _dense(queries_by_term @ self._weights)

    def feedback(self, originals: Tensor, n_terms: int) -> csr_array:
        """(B, I) relevance models of the first ten documents by scores `originals` (B, D): the `n_terms` heaviest
        terms of each, weights scaled to sum 1."""
        scores, rows = originals.topk(min(FEEDBACK_DOCUMENTS, self.n_documents), dim=1)  # (B, F)
        weights = scores / scores.sum(1, keepdim=True).clamp_min(1e-9)  # (B, F) p(document | query)
        n = weights.shape[0]
        indptr = np.arange(n + 1) * weights.shape[1]  # every row has F entries
        documents = csr_array((weights.numpy().ravel(), rows.numpy().ravel(), indptr), shape=(n, self.n_documents))
        return _of_heaviest((documents @ self._term_probs).tocsr(), n_terms)

    def score_terms(self, weights: csr_array) -> Tensor:
        """(B, D) scores of queries given as weights (B, I) over the terms of the index."""
        return _dense(weights @ self._weights)

    def score_tokens(self, ids: NDArray[np.int64], weights: NDArray[np.float32]) -> Tensor:
        """(N, D) scores of token sequences (N, T) with weights (N, T); tokens outside the index add 0."""
        n, width = ids.shape
        queries = csr_array(  # (N, V)
            (weights.ravel(), ids.ravel(), np.arange(n + 1) * width), shape=(n, self._token_weights.shape[0])
        )
        return _dense(queries @ self._token_weights)

    def token_rows(self, ids: NDArray[np.int64]) -> NDArray[np.float32]:
        """(T, D) score of every document for each of T tokens alone."""
        return np.asarray(self._token_weights[ids].toarray(), dtype=np.float32)

    def _typed(self, query: Sequence[str], context: Sequence[str], limit: float) -> list[tuple[int, float]]:
        """Terms of the index with their weights, those of the query first."""
        query_ids, context_ids = (
            [self.index.term_ids[term] for term in part if term in self.index.term_ids] for part in (query, context)
        )
        share = context_share(len(query_ids), len(context_ids), limit) if context_ids else 0.0
        typed = [(term, (1.0 - share) / len(query_ids)) for term in query_ids]
        return typed + [(term, share / len(context_ids)) for term in context_ids]

    def rank(self, scores: Tensor, k: int) -> NDArray[np.int64]:
        """(N, k) rows of the corpus in rank order by scores (N, D), padded with -1 after the last score above 0."""
        top, rows = scores.topk(min(k, self.n_documents), dim=1)
        ranked = torch.where(top > 0, rows, -1).numpy()  # (N, min(k, D))
        return np.pad(ranked, ((0, 0), (0, k - ranked.shape[1])), constant_values=-1)


def okapi_idf(document_frequency: NDArray[np.int64], n_documents: int) -> NDArray[np.float64]:
    """(I,) log((N - df + .5) / (df + .5)) as in `rank_bm25.BM25Okapi`. Terms in more than half of the documents, for
    which this is negative, get a quarter of the mean over all terms instead."""
    plain = np.log(n_documents - document_frequency + 0.5) - np.log(document_frequency + 0.5)
    return np.asarray(np.where(plain < 0, 0.25 * plain.mean(), plain) if plain.size else plain)


def _selection(columns: NDArray[np.int64], n_columns: int) -> csr_array:
    """(V, n_columns) matrix whose row v has a 1 in column `columns[v]`, and is empty for -1: as a factor from the
    left it selects these rows."""
    indexed = np.flatnonzero(columns >= 0)
    indptr = np.searchsorted(indexed, np.arange(columns.size + 1))
    ones = np.ones(indexed.size, dtype=np.float32)
    return csr_array((ones, columns[indexed], indptr), shape=(columns.size, n_columns))


def _dense(matrix: csr_array) -> Tensor:
    return torch.from_numpy(matrix.toarray().astype(np.float32, copy=False))


def _of_heaviest(matrix: csr_array, n: int) -> csr_array:
    """The matrix with only the n largest entries of each row, scaled to sum 1."""
    if matrix.shape[0] == 0:
        return matrix
    data, indices, indptr = [], [], [0]
    for row in range(matrix.shape[0]):
        columns, weights = entries_of(matrix, row)
        best = heaviest(weights, n)
        data.append(weights[best] / max(float(weights[best].sum()), 1e-9))
        indices.append(columns[best])
        indptr.append(indptr[-1] + best.size)
    return csr_array((np.concatenate(data), np.concatenate(indices), np.array(indptr)), shape=matrix.shape)
