"""Query expansion by word associations, counted in the judgments of training topics, without a neural network.

A supervised rewriter has to beat it, because it learns from the same pairs of query and relevant document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from untilclick.rewriter.evaluation.baselines.parameter_choice import ParameterChoice
from untilclick.rewriter.evaluation.baselines.simple import mix
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.judging.needs import needs_of_topics
from untilclick.rewriter.language.tfidf import (
    Weights,
    document_shares,
    heaviest_words,
    query_vectors,
    rows_of_sum_one,
)
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import Topic
from untilclick.search.text.term_index import TermIndex

SMOOTHING = 0.5
"""Number of mean topics that are added to the topics of every word, so that a word of few topics gets weak
associations."""

HELD_BACK = 0.2
"""Share of the training topics, taken from the start, on which parameters are chosen, with all topics of their
needs."""


@dataclass(frozen=True, eq=False)
class WordAssociations:
    """P(document term | query word) over training topics, kept as the factors of a product of two sparse matrices."""

    word_ids: Mapping[str, int]
    """Term of a training query -> row of `topics_of_word`. It need not occur in any document: layman's words often do
    not."""
    topics_of_word: csr_array
    """(W, n) P(topic | query word); smoothing makes the rows sum to less than 1."""
    terms_of_topic: csr_array
    """(n, V) P(term | topic): the mean of its relevant documents' tf-idf vectors by grade, scaled to sum 1."""
    prior: NDArray[np.float64]
    """(V,) P(term): the mean over all topics."""
    analysis: Analysis
    """The analysis of queries and documents."""

    @classmethod
    def estimate(cls, topics: Sequence[Topic], index: TermIndex, vectors: csr_array) -> WordAssociations:
        """Count the words of training topics; `vectors` (D, V) weight the terms of documents. Without topics there
        are no associations."""
        queries = [topic.query for topic in topics]
        words = sorted({word for query in queries for word in index.analysis.terms(query)})
        word_ids = {word: i for i, word in enumerate(words)}
        has_word = query_vectors(word_ids, queries, index.analysis)  # (n, W)
        has_word.data[:] = 1.0  # a word that a query repeats counts once
        n_topics = np.asarray(has_word.sum(axis=0), dtype=np.float64).ravel()  # (W,) topics with the word
        shares = document_shares(index, [topic.relevance for topic in topics])  # (n, D)
        terms_of_topic = rows_of_sum_one((shares @ vectors).tocsr())  # (n, V)
        prior = np.asarray(terms_of_topic.sum(axis=0), dtype=np.float64).ravel() / max(len(topics), 1)  # (V,)
        topics_of_word = (has_word @ diags_array(1.0 / (n_topics + SMOOTHING))).T.tocsr()  # (W, n)
        return cls(word_ids, topics_of_word, terms_of_topic, prior, index.analysis)

    def strengths(self, queries: Sequence[str]) -> csr_array:
        """(B, V) for each query the sum over its words w of P(t | w) - P(t), with

            P(t | w) = (sum of P(t | topic) over the s topics with w + SMOOTHING x P(t)) / (s + SMOOTHING)

        A term is left out if no topic with a word of the query has it; its strength would be negative.
        """
        topics = (query_vectors(self.word_ids, queries, self.analysis) @ self.topics_of_word).tocsr()  # (B, n)
        strengths: csr_array = (topics @ self.terms_of_topic).tocsr()  # (B, V)
        # After smoothing and subtraction, a word contributes - s / (s + SMOOTHING) x P(t); s / (s + SMOOTHING) is the
        # sum of the word's row of `topics_of_word`.
        mass = np.asarray(topics.sum(axis=1), dtype=np.float64).ravel()  # (B,)
        rows = np.repeat(np.arange(strengths.shape[0]), np.diff(strengths.indptr))  # (entries,)
        strengths.data = strengths.data - mass[rows] * self.prior[strengths.indices]
        return strengths


@dataclass(frozen=True, slots=True)
class AssociationSettings:
    """Parameters of the expansion."""

    n_terms: int = 30
    """Number of strongest terms that are added."""
    original_weight: float = 0.5
    """Share of the original query in the score, 0..1."""


ASSOCIATION_GRID = tuple(
    AssociationSettings(*values) for values in product((30, 100, 300), (0.2, 0.3, 0.5, 0.7, 0.9))
)
"""Settings that are tried on the topics held back."""


@dataclass(frozen=True)
class Association:
    """The query together with the terms that are frequent in relevant documents of training topics with its words.

    Source: Cui, Wen, Nie & Ma, "Probabilistic query expansion using query logs", WWW 2002, with judged documents in
    place of clicked ones, and with the prior subtracted, so that terms of all documents get no strength.
    """

    index: TermIndex
    associations: WordAssociations = field(repr=False)
    settings: AssociationSettings = field(default_factory=AssociationSettings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one expanded query per topic; a query without a word of a training topic stays as typed."""
        strengths = self.associations.strengths([typed.query for typed in topics])  # (B, V)
        added = heaviest_words(self.index, strengths, self.settings.n_terms)
        weight = self.settings.original_weight
        return [
            SearchedQuery(mix(typed.query, _shares(words), weight, self.index.analysis))
            for typed, words in zip(topics, added, strict=True)
        ]


def association_of(
    topics: Sequence[TypedTopic], index: TermIndex, vectors: csr_array, engine: SearchEngine, most: int
) -> Association:
    """The expansion estimated on all training topics.

    Its parameters are the best for at most `most` topics of the share `HELD_BACK`, with an estimate on the topics of
    other needs.
    """
    needs = needs_of_topics([typed.topic for typed in topics], index.analysis).groups.tolist()
    held_back = set(needs[: ceil(HELD_BACK * len(topics))])
    rest = [typed.topic for typed, need in zip(topics, needs, strict=True) if need not in held_back]
    partial = WordAssociations.estimate(rest, index, vectors)
    chosen_on = [typed for typed, need in zip(topics, needs, strict=True) if need in held_back]
    choice = ParameterChoice(engine, chosen_on[:most])
    settings = choice.best(
        ASSOCIATION_GRID, lambda settings: Association(index, partial, settings), AssociationSettings()
    )
    complete = WordAssociations.estimate([typed.topic for typed in topics], index, vectors)
    return Association(index, complete, settings)


def _shares(words: Weights) -> Weights:
    """The words with weights that sum to 1."""
    total = sum(weight for _, weight in words)
    return [(word, weight / total) for word, weight in words]
