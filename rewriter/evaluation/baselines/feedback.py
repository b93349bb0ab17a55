"""Pseudo-relevance feedback: the first documents of a query's own ranking lend it their words, by RM3 or Rocchio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from math import sqrt

from scipy.sparse import csr_array

from untilclick.rewriter.evaluation.baselines.simple import mix
from untilclick.rewriter.evaluation.systems import Answer, TypedTopic
from untilclick.rewriter.language.tfidf import Weights, document_shares, heaviest_words
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import ScoredDoc, WeightedQuery
from untilclick.search.text.analysis import terms
from untilclick.search.text.term_index import TermIndex


@dataclass(frozen=True, slots=True)
class Rm3Settings:
    """The two parameters of RM3; the defaults are those of Anserini."""

    n_terms: int = 10
    """Feedback terms taken from the first ten documents."""
    original_weight: float = 0.5
    """Share of the original query in the score, 0..1."""


RM3_GRID = tuple(Rm3Settings(*one) for one in product((10, 20), (0.3, 0.5, 0.7, 0.9)))
"""What is tried on training topics."""


@dataclass(frozen=True)
class Rm3:
    """Pseudo-relevance feedback: the query, interpolated with the relevance model of its own first ten documents.

    Source: Abdul-Jaleel et al., "UMass at TREC 2004: novelty and HARD", TREC 2004; the relevance model is RM1 of
    Lavrenko & Croft, "Relevance-based language models", SIGIR 2001.
    """

    engine: SearchEngine
    settings: Rm3Settings = field(default_factory=Rm3Settings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """One weighted query per topic: original_weight x BM25(query) / |query| + the rest x feedback terms."""
        return [Answer(self._expand(one.query)) for one in topics]

    def _expand(self, query: str) -> WeightedQuery:
        feedback = self.engine.feedback_terms(WeightedQuery.of(query), self.settings.n_terms)
        return mix(query, feedback, self.settings.original_weight)


@dataclass(frozen=True, slots=True)
class RocchioSettings:
    """The parameters of Rocchio's formula; the defaults are those of Anserini."""

    n_documents: int = 10
    """First documents that are taken for relevant."""
    n_terms: int = 10
    """Heaviest terms of their mean vector that are kept."""
    beta: float = 0.75
    """Weight of the mean document."""
    alpha: float = 1.0
    """Weight of the query. Only its ratio to beta matters to a ranking."""


ROCCHIO_GRID = tuple(RocchioSettings(*one) for one in product((5, 10), (10, 30), (0.1, 0.3, 1.0, 2.0)))
"""What is tried on training topics."""


@dataclass(frozen=True)
class Rocchio:
    """Pseudo-relevance feedback in the vector space: alpha x the query of unit length + beta x the mean of the tf-idf
    vectors of its own first documents. Without the negative part, since nothing is known not to be relevant.

    Source: Rocchio, "Relevance feedback in information retrieval", in The SMART Retrieval System, 1971, with the
    vectors of Salton & Buckley, "Improving retrieval performance by relevance feedback", JASIS 41(4), 1990.
    """

    engine: SearchEngine
    index: TermIndex
    vectors: csr_array = field(repr=False)
    """(D, V) of `untilclick.rewriter.language.tfidf.document_vectors`."""
    settings: RocchioSettings = field(default_factory=RocchioSettings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """One weighted query per topic; what finds nothing stays as typed."""
        rankings = self.engine.search([WeightedQuery.of(one.query) for one in topics], self.settings.n_documents)
        means = (document_shares(self.index, [_alike(ranking) for ranking in rankings]) @ self.vectors).tocsr()
        added = heaviest_words(self.index, means, self.settings.n_terms)
        return [Answer(self._moved(one.query, words)) for one, words in zip(topics, added, strict=True)]

    def _moved(self, query: str, words: Weights) -> WeightedQuery:
        length = sqrt(sum(count**2 for count in Counter(terms(query)).values()))
        if not words or not length:
            return WeightedQuery.of(query)
        beta = self.settings.beta
        return WeightedQuery(((query, self.settings.alpha / length), *((word, beta * w) for word, w in words)))


def _alike(ranking: Sequence[ScoredDoc]) -> dict[str, float]:
    return {hit.doc_id: 1.0 for hit in ranking}
