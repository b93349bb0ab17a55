"""Pseudo-relevance feedback: a query is expanded by words of the first documents that it retrieves, with RM3 or
Rocchio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import sqrt

from scipy.sparse import csr_array

from untilclick.rewriter.evaluation.baselines.simple import mix
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.language.tfidf import Weights, document_shares, heaviest_words
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import ScoredDoc, WeightedQuery
from untilclick.search.text.term_index import TermIndex


@dataclass(frozen=True, slots=True)
class Rm3Settings:
    """Parameters of RM3; the defaults are those of Anserini."""

    n_terms: int = 10
    """Number of feedback terms, taken from the first ten documents."""
    original_weight: float = 0.5
    """Share of the original query in the score, 0..1."""


RM3_GRID = tuple(Rm3Settings(*values) for values in product((10, 20), (0.3, 0.5, 0.7, 0.9)))
"""Settings that are tried on training topics."""


@dataclass(frozen=True)
class Rm3:
    """The query interpolated with the relevance model of the first ten documents that it retrieves.

    Source: Abdul-Jaleel et al., "UMass at TREC 2004: novelty and HARD", TREC 2004; the relevance model is RM1 of
    Lavrenko & Croft, "Relevance-based language models", SIGIR 2001.
    """

    engine: SearchEngine
    settings: Rm3Settings = field(default_factory=Rm3Settings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return original_weight x BM25(query) / |query| + (1 - original_weight) x feedback terms, for each topic."""
        return [SearchedQuery(self._expanded(typed.query)) for typed in topics]

    def _expanded(self, query: str) -> WeightedQuery:
        feedback = self.engine.feedback_terms(WeightedQuery.of(query), self.settings.n_terms)
        return mix(query, feedback, self.settings.original_weight, self.engine.analysis)


@dataclass(frozen=True, slots=True)
class RocchioSettings:
    """Parameters of Rocchio's formula; the defaults are those of Anserini."""

    n_documents: int = 10
    """Number of first documents that are assumed relevant."""
    n_terms: int = 10
    """Number of heaviest terms of their mean vector that are added."""
    beta: float = 0.75
    """Weight of the mean document."""
    alpha: float = 1.0
    """Weight of the query. Only the ratio of alpha to beta changes a ranking."""


ROCCHIO_GRID = tuple(RocchioSettings(*values) for values in product((5, 10), (10, 30), (0.1, 0.3, 1.0, 2.0)))
"""Settings that are tried on training topics."""


@dataclass(frozen=True)
class Rocchio:
    """Pseudo-relevance feedback in the vector space: alpha x the query of unit length + beta x the mean tf-idf vector
    of the first documents that it retrieves.

    Rocchio's negative part is left out, because no document is known to be irrelevant.

    Source: Rocchio, "Relevance feedback in information retrieval", in The SMART Retrieval System, 1971, with the
    vectors of Salton & Buckley, "Improving retrieval performance by relevance feedback", JASIS 41(4), 1990.
    """

    engine: SearchEngine
    index: TermIndex
    vectors: csr_array = field(repr=False)
    """(D, V) tf-idf vectors of the documents, see `untilclick.rewriter.language.tfidf.document_vectors`."""
    settings: RocchioSettings = field(default_factory=RocchioSettings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one expanded query per topic; a query that retrieves nothing stays as typed."""
        rankings = self.engine.search([WeightedQuery.of(typed.query) for typed in topics], self.settings.n_documents)
        shares = document_shares(self.index, [_equal_weights(ranking) for ranking in rankings])  # (B, D)
        means = (shares @ self.vectors).tocsr()  # (B, V)
        added = heaviest_words(self.index, means, self.settings.n_terms)
        return [SearchedQuery(self._moved(typed.query, words)) for typed, words in zip(topics, added, strict=True)]

    def _moved(self, query: str, words: Weights) -> WeightedQuery:
        """The query moved towards the mean document."""
        length = sqrt(sum(count**2 for count in Counter(self.index.analysis.terms(query)).values()))
        if not words or not length:
            return WeightedQuery.of(query)
        beta = self.settings.beta
        return WeightedQuery(((query, self.settings.alpha / length), *((word, beta * w) for word, w in words)))


def _equal_weights(ranking: Sequence[ScoredDoc]) -> dict[str, float]:
    return {hit.doc_id: 1.0 for hit in ranking}
