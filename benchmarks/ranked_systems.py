"""Nine systems of different kinds, which score all documents of a collection for queries.

They are the systems that `benchmarks.bench_ranking_by_users` lets simulated users rank. None is tuned: settings are
the defaults of the program or of the papers that its code cites.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import svds
from torch import Tensor

from untilclick.rewriter.data.corpus_scorer import ENGINE_SETTINGS, CorpusScorer
from untilclick.rewriter.evaluation.baselines.feedback import Rm3Settings
from untilclick.rewriter.evaluation.baselines.meaning import HALF
from untilclick.rewriter.evaluation.systems import RewriterSystem, TypedTopic
from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.language.tfidf import document_vectors, query_vectors
from untilclick.rewriter.language.vocabulary import TermVocabulary
from untilclick.rewriter.readings import Readings
from untilclick.rewriter.serving.blend import MEANT_STARTS
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.bm25 import idf, weight_matrix
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.measures.fusion import sum_of_scaled
from untilclick.search.records import Topic, WeightedQuery
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex

from benchmarks.untrained_systems import untrained_rewriter

Scores = NDArray[np.floating]
"""(B, D) the score of each document for each of B queries; documents of score 0 or less are not shown."""
System = Callable[[Sequence[str]], Scores]
"""Scores all documents for some queries."""

BATCH = 256
"""Queries that are scored at once."""
LSI_DIMENSIONS = 100
"""Deerwester et al. (JASIS 1990) use 100 dimensions."""
FIRST_WORDS = 2
NO_DOCUMENT = -1
"""Row below the end of a ranking."""


@dataclass(frozen=True, eq=False)
class LatentSemantics:
    """Latent semantic indexing: cosines in the space of the leading singular vectors (Deerwester et al., "Indexing by
    Latent Semantic Analysis", JASIS 1990)."""

    index: TermIndex
    dimensions: int = LSI_DIMENSIONS

    @cached_property
    def _terms(self) -> NDArray[np.float64]:
        """(V, k) right singular vectors of the tf-idf matrix."""
        matrix = document_vectors(self.index).astype(np.float64)  # (D, V)
        start = np.ones(min(matrix.shape))  # fixed, so that equal corpora give equal vectors
        _, _, right = svds(matrix, k=min(self.dimensions, min(matrix.shape) - 1), v0=start)
        return np.asarray(right.T, dtype=np.float64)

    @cached_property
    def _documents(self) -> NDArray[np.float64]:
        """(D, k) unit vectors."""
        return _of_unit_length(document_vectors(self.index) @ self._terms)

    def __call__(self, queries: Sequence[str]) -> Scores:
        """Cosines of the queries' idf-weighted terms with the documents."""
        counts = query_vectors(self.index.term_ids, queries, self.index.analysis)  # (B, V)
        weighted = counts @ diags_array(idf(self.index.document_frequencies, len(self.index.doc_ids)))
        return np.asarray(_of_unit_length(weighted @ self._terms) @ self._documents.T)


@dataclass(frozen=True, eq=False)
class WeightedTerms:
    """The sum of the weights of a query's terms in each document."""

    index: TermIndex
    weights: csr_array = field(repr=False)
    """(V, D)"""

    def __call__(self, queries: Sequence[str]) -> Scores:
        """See `System`."""
        counts = query_vectors(self.index.term_ids, queries, self.index.analysis)  # (B, V)
        return np.asarray((counts @ self.weights).toarray())


@dataclass(frozen=True, eq=False)
class ByWords:
    """Systems that rank as the collection's engine does."""

    scorer: CorpusScorer

    @classmethod
    def of(cls, opened: OpenedCollection) -> ByWords:
        """The engine's formula over all terms of the documents."""
        return cls(CorpusScorer.of(opened, TermVocabulary.from_index(opened.index, 1, len(opened.index.terms))))

    def bm25(self, queries: Sequence[str]) -> Scores:
        """The query as typed."""
        return self._originals(queries).numpy()

    def first_words(self, queries: Sequence[str]) -> Scores:
        """The first two words of the query alone."""
        return self.bm25([" ".join(query.split()[:FIRST_WORDS]) for query in queries])

    def rm3(self, queries: Sequence[str]) -> Scores:
        """The query with the relevance model of its first ten documents, as `Rm3` mixes them."""
        settings = Rm3Settings()
        originals = self._originals(queries)
        feedback = self.scorer.score_terms(self.scorer.feedback(originals, settings.n_terms))
        mixed = settings.original_weight * originals + (1.0 - settings.original_weight) * feedback
        return mixed.numpy()

    def weighted(self, queries: Sequence[WeightedQuery]) -> Scores:
        """Queries of weighted clauses. Joined forms of their words are left out."""
        term_ids, analysis = self.scorer.index.term_ids, self.scorer.index.analysis
        rows = [
            [
                (term_ids[term], weight)
                for text, weight in query.clauses
                for term in analysis.terms(text)
                if term in term_ids
            ]
            for query in queries
        ]
        indptr = np.cumsum([0] + [len(row) for row in rows])
        ids = np.array([term for row in rows for term, _ in row], dtype=np.int64)
        weights = np.array([weight for row in rows for _, weight in row], dtype=np.float32)
        return self.scorer.score_terms(csr_array((weights, ids, indptr), shape=(len(rows), len(term_ids)))).numpy()

    def _originals(self, queries: Sequence[str]) -> Tensor:
        return self.scorer.originals([self.scorer.index.analysis.query(query) for query in queries])


@dataclass(frozen=True, eq=False)
class ByMeaning:
    """Systems of a sentence encoder."""

    encoded: EncodedCorpus
    by_words: ByWords
    rewriter: RewriterSystem
    """The untrained rewriter, which recalls words of the documents nearest in meaning."""

    @cached_property
    def _documents(self) -> NDArray[np.float32]:
        """(D, d)"""
        return np.asarray(self.encoded.stored.matrix(), dtype=np.float32)

    def encoder(self, queries: Sequence[str]) -> Scores:
        """Cosines."""
        return np.asarray(np.maximum(self.encoded.queries(queries) @ self._documents.T, 0.0))

    def both(self, queries: Sequence[str]) -> Scores:
        """BM25 and the cosines, half and half, each divided by its maximum."""
        return sum_of_scaled((self.by_words.bm25(queries), self.encoder(queries)), (1.0 - HALF, HALF))

    def recalled(self, queries: Sequence[str]) -> Scores:
        """The words that the untrained rewriter searches, without its reading as documents."""
        topics = [TypedTopic(Topic(str(i), query, {}), query) for i, query in enumerate(queries)]
        return self.by_words.weighted([searched.query for searched in self.rewriter(topics)])


def nine_systems(opened: OpenedCollection) -> dict[str, System]:
    """The systems by name. Three of them need encoded documents, and `titles only` needs a document with a title."""
    index, by_words = opened.index, ByWords.of(opened)
    settings = ENGINE_SETTINGS[opened.engine_name]
    weights = weight_matrix(index, settings.k1, settings.b, quantise=settings.quantise)  # (V, D)
    frequencies = idf(index.document_frequencies, len(index.doc_ids))
    titles = TermIndex.from_documents(
        (replace(each, text="") for each in opened.collection.corpus.documents), index.analysis
    )
    systems: dict[str, System] = {
        "BM25": by_words.bm25,
        "without idf": WeightedTerms(index, (diags_array(1.0 / frequencies) @ weights).tocsr()),
        "first two words": by_words.first_words,
        "RM3": by_words.rm3,
        "LSI": LatentSemantics(index),
    }
    if titles.terms:
        title_weights = weight_matrix(titles, settings.k1, settings.b, quantise=settings.quantise)
        systems["titles only"] = WeightedTerms(titles, title_weights)
    if opened.encoded is None:
        return systems
    rewriter = RewriterSystem(untrained_rewriter(opened, MEANT_STARTS["balanced"]), readings=Readings.WORDS)
    by_meaning = ByMeaning(opened.encoded, by_words, rewriter)
    return {
        **systems,
        "encoder": by_meaning.encoder,
        "BM25 + encoder": by_meaning.both,
        "words by encoder": by_meaning.recalled,
    }


class FirstTen:
    """The rows of the first documents that a system shows for queries; each query is searched once."""

    def __init__(self, system: System, k: int = 10) -> None:
        self._system, self._k = system, k
        self._known: dict[str, NDArray[np.int64]] = {}

    def __call__(self, queries: Sequence[str]) -> NDArray[np.int64]:
        """(B, k) rows of documents, best first, ties in corpus order, `NO_DOCUMENT` below the end."""
        missing = [query for query in dict.fromkeys(queries) if query not in self._known]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            self._known |= zip(batch, map(self._first, self._system(batch)), strict=True)
        rows = [self._known[query] for query in queries]
        return np.stack(rows) if rows else np.empty((0, self._k), dtype=np.int64)

    def _first(self, scores: NDArray[np.floating]) -> NDArray[np.int64]:
        best = heaviest(scores, self._k)
        best = best[scores[best] > 0]
        return np.pad(best, (0, self._k - best.size), constant_values=NO_DOCUMENT)


def _of_unit_length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), TINY))
