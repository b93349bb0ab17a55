"""BM25 scores of thousands of weighted queries at once, by one sparse matrix product per batch.

PPO needs about ten thousand rankings a second, of queries that differ in four terms; an engine answers one query
after the other. The rankings equal those of the engine whose k1, b, idf and length rounding are used, which a test
checks. A batch takes one float per query and document, which limits this to corpora of about 50,000 documents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import zip_longest
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from torch import Tensor

from untilclick.rewriter.language.sparse_rows import entries_of
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.rewriter.serving.blend import context_share
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.bm25 import idf, weight_matrix
from untilclick.search.engines.clauses import JOINED_WEIGHT
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


NOTHING = QueryTerms(())
"""The terms of an empty text."""

LIFT = 0.25
"""`epsilon` of rank-bm25: the share of an idf that takes the place of one that is not above 0."""

WeightedTerm = tuple[int, float]
"""The id of an index term and its weight in a query."""


class _TypedTerms(NamedTuple):
    """The weighted terms of a typed query with its context, in each field."""

    body: list[WeightedTerm]
    aside: list[WeightedTerm]


class CorpusScorer:
    """BM25 scores of batches of queries over one corpus of D documents."""

    @classmethod
    def of(cls, opened: OpenedCollection, vocabulary: TermVocabulary) -> CorpusScorer:
        """The ranking function of the collection's engine, over the terms of a vocabulary."""
        aside = partial(TermIndex.of_aside, opened.collection.corpus.documents, opened.analysis)
        return cls(opened.index, vocabulary, ENGINE_SETTINGS[opened.engine_name], aside)

    def __init__(
        self, index: TermIndex, vocabulary: TermVocabulary, settings: Bm25Settings, aside: Callable[[], TermIndex]
    ) -> None:
        """`aside` gives the index of the field `aside`, which few queries need and most trainings never do.

        Below, I is the number of terms of the index, A that of terms of `aside`, and V that of tokens of the
        vocabulary."""
        self.index = index
        self.vocabulary = vocabulary
        self.n_documents = len(index.doc_ids)
        self._settings = settings
        self._aside_index = aside
        self._weights = weights = _weights(index, settings)  # (I, D)
        selection = _selection(vocabulary.index_columns(index), len(index.terms))  # (V, I)
        self._token_weights = (selection @ weights).tocsr()  # (V, D)
        lengths = np.repeat(np.maximum(index.doc_lengths, 1.0), np.diff(index.counts.indptr))  # (stored entries,)
        self._term_probs = csr_array(  # (D, I) p(term | document), the maximum likelihood estimate
            (index.counts.data / lengths, index.counts.indices, index.counts.indptr), shape=index.counts.shape
        )

    def originals(
        self, queries: Sequence[QueryTerms], contexts: Sequence[QueryTerms] = (), limit: float = 0.0
    ) -> Tensor:
        """(B, D) BM25 of queries given as index terms, divided by the number of their terms in the corpus. A query
        without a term in the corpus scores 0 on every document. Joined forms and the field `aside` count as in the
        engines (`engines/clauses.py`).

        `contexts` are the context terms of each query; without it no query has context. Those that the corpus
        contains divide the share of `blend.context_share` equally, with `limit` as the largest share."""
        assert len(contexts) in (0, len(queries))
        pairs = zip_longest(queries, contexts, fillvalue=NOTHING)
        typed = [self._typed(query, context, limit) for query, context in pairs]
        scores = _dense(_query_matrix([each.body for each in typed], len(self.index.terms)) @ self._weights)
        if any(each.aside for each in typed):
            queries_by_term = _query_matrix([each.aside for each in typed], len(self._aside.terms))  # (B, A)
            scores += _dense(queries_by_term @ self._aside_weights)
        return scores

    def possible(
        self, queries: Sequence[QueryTerms], contexts: Sequence[QueryTerms] = (), limit: float = 0.0
    ) -> NDArray[np.float64]:
        """(B,) the score of `originals` of a document in which each term scores as high as it does in any."""
        pairs = zip_longest(queries, contexts, fillvalue=NOTHING)
        typed = [self._typed(query, context, limit) for query, context in pairs]
        body, aside = self._best, self._best_aside if any(each.aside for each in typed) else self._best
        return np.array(
            [
                sum(weight * body[term] for term, weight in each.body)
                + sum(weight * aside[term] for term, weight in each.aside)
                for each in typed
            ],
            dtype=np.float64,
        )

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

    @cached_property
    def _best(self) -> NDArray[np.float32]:
        """(I,) the highest score of each term."""
        return np.asarray(self._weights.max(axis=1).toarray(), dtype=np.float32).ravel()

    @cached_property
    def _best_aside(self) -> NDArray[np.float32]:
        """(A,) the same of the field `aside`."""
        return np.asarray(self._aside_weights.max(axis=1).toarray(), dtype=np.float32).ravel()

    @cached_property
    def _aside(self) -> TermIndex:
        return self._aside_index()

    @cached_property
    def _aside_weights(self) -> csr_array:
        """(A, D) BM25 weights of the terms of `aside`."""
        return _weights(self._aside, self._settings)

    def _typed(self, query: QueryTerms, context: QueryTerms, limit: float) -> _TypedTerms:
        """The weighted terms of a query with its context, those of the query first."""
        term_ids = self.index.term_ids
        query_ids, context_ids = (
            [term_ids[term] for term in part.body if term in term_ids] for part in (query, context)
        )
        share = context_share(len(query_ids), len(context_ids), limit) if context_ids else 0.0
        of_query, of_context = (1.0 - share) / max(len(query_ids), 1), share / max(len(context_ids), 1)
        body = [(term, of_query) for term in query_ids] + [(term, of_context) for term in context_ids]
        joined = [(term, JOINED_WEIGHT * of_query) for term in query.joined]
        body += [(term_ids[term], weight) for term, weight in joined if term in term_ids]
        # A word of a context that the corpus lacks is not searched, nor is its single character in `aside`.
        aside = [(term, of_context) for term in context.aside if term in term_ids]
        aside = [(term, of_query) for term in query.aside] + aside
        if not (query.body or aside or share):
            aside = [(term, of_query) for term in query.stop_words]
        return _TypedTerms(body, self._known_aside(aside) if aside else [])

    def _known_aside(self, terms: Sequence[tuple[str, float]]) -> list[WeightedTerm]:
        """Those terms of `aside` that a document has, by their ids."""
        term_ids = self._aside.term_ids
        return [(term_ids[term], weight) for term, weight in terms if term in term_ids]

    def rank(self, scores: Tensor, k: int) -> NDArray[np.int64]:
        """(N, k) rows of the corpus in rank order by scores (N, D), padded with -1 after the last score above 0."""
        top, rows = scores.topk(min(k, self.n_documents), dim=1)
        ranked = torch.where(top > 0, rows, -1).numpy()  # (N, min(k, D))
        return np.pad(ranked, ((0, 0), (0, k - ranked.shape[1])), constant_values=-1)


def okapi_idf(document_frequency: NDArray[np.int64], n_documents: int) -> NDArray[np.float64]:
    """(I,) log((N - df + .5) / (df + .5)) as in `rank_bm25.BM25Okapi`. Terms in more than half of the documents, for
    which this is negative, get a quarter of the mean over all terms instead; where that is not above 0 either, a
    quarter of Lucene's idf, as in the engine `rank-bm25`."""
    plain = np.log(n_documents - document_frequency + 0.5) - np.log(document_frequency + 0.5)
    if not plain.size:
        return np.asarray(plain)
    raised = np.where(plain < 0, LIFT * plain.mean(), plain)
    return np.asarray(np.where(raised <= 0, LIFT * idf(document_frequency, n_documents), raised))


def _weights(index: TermIndex, settings: Bm25Settings) -> csr_array:
    """(I, D) float32, the BM25 weight of each of the I terms of an index in each document."""
    weights = weight_matrix(index, settings.k1, settings.b, quantise=settings.quantise)
    if settings.idf == "lucene":
        return weights
    frequency, n = index.document_frequencies, len(index.doc_ids)
    # The matrix contains Lucene's idf as a factor: exchange it.
    okapi: csr_array = (diags_array(okapi_idf(frequency, n) / idf(frequency, n)) @ weights).tocsr().astype(np.float32)
    return okapi


def _query_matrix(rows: Sequence[Sequence[WeightedTerm]], n_terms: int) -> csr_array:
    """(B, n_terms) weights of the terms of B queries."""
    indptr = np.cumsum([0] + [len(row) for row in rows])
    data = np.array([weight for row in rows for _, weight in row], dtype=np.float32)
    indices = np.array([term for row in rows for term, _ in row], dtype=np.int64)
    return csr_array((data, indices, indptr), shape=(len(rows), n_terms))


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
