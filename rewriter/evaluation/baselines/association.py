"""Words associated with query words in the judgments of training topics: expansion without any network.

What a supervised rewriter has to beat, since it learns from the same pairs of query and relevant documents.
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
from untilclick.rewriter.evaluation.systems import Answer, TypedTopic
from untilclick.rewriter.language.tfidf import (
    Weights,
    document_shares,
    heaviest_words,
    query_vectors,
    rows_of_sum_one,
)
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import Topic
from untilclick.search.text.analysis import terms
from untilclick.search.text.term_index import TermIndex

SMOOTHING = 0.5
"""Training topics' worth of the mean topic that every word is given: what few topics say of a word counts less."""

HELD_BACK = 0.2
"""Share of the training topics, the first ones, that parameters are chosen on. Neighbours are often queries of one
session: a share drawn all over would know their documents."""


@dataclass(frozen=True, eq=False)
class WordAssociations:
    """P(document term | query word) over training topics, never made dense: the product of two sparse matrices."""

    word_ids: Mapping[str, int]
    """Index term of a training query -> row below. Documents need not have it: layman's words often stand in none."""
    topics_of_word: csr_array
    """(W, n) P(topic | query word), rows summing to less than 1 by smoothing."""
    terms_of_topic: csr_array
    """(n, V) P(term | topic): the mean of its relevant documents' tf-idf vectors by grade, scaled to sum 1."""
    prior: NDArray[np.float64]
    """(V,) P(term): the mean over all topics."""

    @classmethod
    def estimate(cls, topics: Sequence[Topic], index: TermIndex, vectors: csr_array) -> WordAssociations:
        """Count training topics; `vectors` (D, V) weight the terms of documents. No topics associate nothing."""
        queries = [topic.query for topic in topics]
        words = sorted({word for query in queries for word in terms(query)})
        word_ids = {word: i for i, word in enumerate(words)}
        typed = query_vectors(word_ids, queries)
        typed.data[:] = 1.0
        seen = np.asarray(typed.sum(axis=0), dtype=np.float64).ravel()
        shares = document_shares(index, [topic.relevance for topic in topics])
        terms_of_topic = rows_of_sum_one((shares @ vectors).tocsr())
        prior = np.asarray(terms_of_topic.sum(axis=0), dtype=np.float64).ravel() / max(len(topics), 1)
        topics_of_word = (typed @ diags_array(1.0 / (seen + SMOOTHING))).T.tocsr()
        return cls(word_ids, topics_of_word, terms_of_topic, prior)

    def strengths(self, queries: Sequence[str]) -> csr_array:
        """(B, V) for each query: sum over its words w of P(t | w) - P(t) with

            P(t | w) = (sum of P(t | topic) over the s topics with w + SMOOTHING x P(t)) / (s + SMOOTHING)

        Terms of no topic that shares a word with the query are left out; their strength is negative.
        """
        topics = (query_vectors(self.word_ids, queries) @ self.topics_of_word).tocsr()
        found: csr_array = (topics @ self.terms_of_topic).tocsr()
        mass = np.asarray(topics.sum(axis=1), dtype=np.float64).ravel()
        rows = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
        found.data = found.data - mass[rows] * self.prior[found.indices]
        return found


@dataclass(frozen=True, slots=True)
class AssociationSettings:
    """The two parameters of the expansion."""

    n_terms: int = 30
    """Best terms that are added."""
    original_weight: float = 0.5
    """Share of the original query in the score, 0..1."""


ASSOCIATION_GRID = tuple(AssociationSettings(*one) for one in product((30, 100, 300), (0.2, 0.3, 0.5, 0.7, 0.9)))
"""What is tried on the topics held back."""


@dataclass(frozen=True)
class Association:
    """The query beside the terms that relevant documents of training topics with its words have more than others.

    Source: Cui, Wen, Nie & Ma, "Probabilistic query expansion using query logs", WWW 2002, with judged documents for
    clicked ones, and with the prior taken off, so that terms of all documents are associated with nothing.
    """

    index: TermIndex
    associations: WordAssociations = field(repr=False)
    settings: AssociationSettings = field(default_factory=AssociationSettings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """One weighted query per topic; queries of words that no training topic has stay as typed."""
        strengths = self.associations.strengths([one.query for one in topics])
        added = heaviest_words(self.index, strengths, self.settings.n_terms)
        weight = self.settings.original_weight
        return [Answer(mix(one.query, _shares(words), weight)) for one, words in zip(topics, added, strict=True)]


def association_of(
    topics: Sequence[TypedTopic], index: TermIndex, vectors: csr_array, engine: SearchEngine, most: int
) -> Association:
    """Estimated on all training topics, with the parameters that were best on `HELD_BACK` of them, at most `most`,
    with an estimate on the rest."""
    n = ceil(HELD_BACK * len(topics))
    part = WordAssociations.estimate([one.topic for one in topics[n:]], index, vectors)
    choice = ParameterChoice(engine, topics[:n][:most])
    settings = choice.best(ASSOCIATION_GRID, lambda one: Association(index, part, one), AssociationSettings())
    whole = WordAssociations.estimate([one.topic for one in topics], index, vectors)
    return Association(index, whole, settings)


def _shares(words: Weights) -> Weights:
    total = sum(weight for _, weight in words)
    return [(word, weight / total) for word, weight in words]
