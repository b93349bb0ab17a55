"""The systems a learned rewriter has to beat, and the bound it cannot pass by much: BM25, RM3, spelling, oracle.

None is trained. RM3's two parameters may be chosen on a validation split with `choose_rm3`, never on the topics that
are reported.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from rewriter.systems import Answer, TypedTopic
from search.analysis import terms
from search.bm25 import weight_matrix
from search.engine import SearchEngine
from search.metrics import evaluate_rankings, grades_in_rank_order, ideal_dcg, ndcg, reciprocal_rank
from search.records import WeightedQuery
from search.term_index import TermIndex


class Corrector(Protocol):
    """The verb of `search.spelling.SpellingCorrector` that is used here."""

    def correct(self, query: str) -> str | None:
        """The query with misspelt words replaced, None where nothing is to be corrected."""


@dataclass(frozen=True)
class Bm25:
    """The query as typed."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """One plain query per topic."""
        return [Answer(WeightedQuery.of(one.query)) for one in topics]


@dataclass(frozen=True)
class SpellingCorrection:
    """The query with its misspelt words corrected, else as typed."""

    corrector: Corrector

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """One plain query per topic."""
        return [Answer(WeightedQuery.of(self.corrector.correct(one.query) or one.query)) for one in topics]


@dataclass(frozen=True, slots=True)
class Rm3Settings:
    """The two parameters of RM3; the defaults are those of Anserini."""

    n_terms: int = 10
    """Feedback terms taken from the first ten documents."""
    original_weight: float = 0.5
    """Share of the original query in the score, 0..1."""


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


def mix(query: str, added: Sequence[tuple[str, float]], original_weight: float) -> WeightedQuery:
    """The query at original_weight / |query| beside the added words, which share 1 - original_weight.

    |query| is its number of index terms, so that the typed words together weigh as much as one word of weight 1.
    Without added words, or without index terms, the plain query comes back.
    """
    length = len(terms(query))
    if not added or not length:
        return WeightedQuery.of(query)
    rest = 1.0 - original_weight
    return WeightedQuery(((query, original_weight / length), *((word, rest * weight) for word, weight in added)))


def choose_rm3(
    engine: SearchEngine,
    topics: Sequence[TypedTopic],
    n_terms: Sequence[int] = (10, 20),
    original_weights: Sequence[float] = (0.3, 0.5, 0.7, 0.9),
) -> Rm3Settings:
    """The settings with the best mean nDCG@10 on validation topics, the first of equals; the default without any."""
    best, best_score = Rm3Settings(), -1.0
    if not topics:
        return best
    for count, weight in product(n_terms, original_weights):
        settings = Rm3Settings(count, weight)
        answers = Rm3(engine, settings)(topics)
        rankings = engine.search([answer.query for answer in answers], 10)
        score = evaluate_rankings([one.topic for one in topics], rankings, ("nDCG@10",)).mean("nDCG@10")
        if score > best_score:
            best, best_score = settings, score
    return best


@dataclass(frozen=True)
class Oracle:
    """Head-room, not a competitor: it reads the answers. Adds the one word of the relevant documents that helps most.

    For each topic the heaviest words of its relevant documents are tried one by one beside the typed query, at each
    of the weights; the best by nDCG@10, then RR@10, wins, the typed query itself where no word helps. A rewriter
    that adds several words can pass this bound.
    """

    engine: SearchEngine
    index: TermIndex
    n_candidates: int = 30
    """Words tried per topic."""
    original_weights: tuple[float, ...] = (0.7, 0.3)
    """Shares of the typed query in the score, each tried with every word."""
    _weights: csr_array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_term = weight_matrix(self.index, 1.2, 0.75, quantise=False)
        object.__setattr__(self, "_weights", by_term.T.tocsr())

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """The best query per topic."""
        return [Answer(self._best(one)) for one in topics]

    def _best(self, typed: TypedTopic) -> WeightedQuery:
        words = self._candidates(typed)
        queries = [WeightedQuery.of(typed.query)]
        queries += [mix(typed.query, [(word, 1.0)], weight) for weight in self.original_weights for word in words]
        relevance = [typed.topic.relevance] * len(queries)
        grades = grades_in_rank_order(self.engine.search(queries, 10), relevance, 10)
        order = np.lexsort((-reciprocal_rank(grades), -ndcg(grades, ideal_dcg(relevance, 10))))
        return queries[int(order[0])]  # lexsort is stable: the typed query wins a tie

    def _candidates(self, typed: TypedTopic) -> list[str]:
        """Words with the largest BM25 weight in the relevant documents, times grade, not in the query."""
        grades = {self.index.doc_rows[d]: g for d, g in _relevant(typed).items() if d in self.index.doc_rows}
        if not grades:
            return []
        data, rows = np.array(list(grades.values()), dtype=np.float32), np.array(list(grades))
        relevant = csr_array((data, rows, np.array([0, len(rows)])), shape=(1, len(self.index.doc_ids)))
        weights = (relevant @ self._weights).toarray().ravel()
        known = [self.index.term_ids[t] for t in terms(typed.query) if t in self.index.term_ids]
        weights[known] = 0.0
        order = np.argsort(-weights, kind="stable")[: self.n_candidates]
        return [self.index.surfaces[i] for i in order if weights[i] > 0]


def _relevant(typed: TypedTopic) -> Mapping[str, int]:
    return {doc_id: grade for doc_id, grade in typed.topic.relevance.items() if grade > 0}
