"""The simplest baselines: the query as typed, with misspelt words corrected, and with the session's earlier queries;
and the oracle, which shows the head-room.

Baselines that expand queries are in `feedback.py`, `association.py` and `successor.py`. `suite.py` builds them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.engines.bm25 import weight_matrix
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import grades_in_rank_order, ideal_dcg, ndcg, reciprocal_rank
from untilclick.search.records import WeightedQuery
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex


class Corrector(Protocol):
    """Corrects misspelt words, as `untilclick.search.text.spelling.SpellingCorrector` does."""

    def correct(self, query: str) -> str | None:
        """The query with misspelt words replaced; None if there is nothing to correct."""


@dataclass(frozen=True)
class Bm25:
    """The query as typed."""

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one plain query per topic."""
        return [SearchedQuery(WeightedQuery.of(typed.query)) for typed in topics]


@dataclass(frozen=True)
class SpellingCorrection:
    """The query with its misspelt words corrected."""

    corrector: Corrector

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one plain query per topic."""
        texts = [self.corrector.correct(typed.query) or typed.query for typed in topics]
        return [SearchedQuery(WeightedQuery.of(text)) for text in texts]


@dataclass(frozen=True, slots=True)
class ConcatenationSettings:
    """Parameter of session concatenation."""

    history_weight: float = 0.5
    """Weight of each word of an earlier query; a word of the typed query weighs 1."""


CONCATENATION_GRID = tuple(ConcatenationSettings(weight) for weight in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0))
"""Settings that are tried on training topics with history."""


@dataclass(frozen=True)
class SessionConcatenation:
    """The typed query together with the session's earlier queries, whose words weigh less.

    Source: Van Gysel, Kanoulas & de Rijke, "Lexical query modeling in session search", ICTIR 2016, who find it hard
    to beat.
    """

    settings: ConcatenationSettings = field(default_factory=ConcatenationSettings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return one weighted query per topic; at the start of a session it is the plain query."""
        return [SearchedQuery(self._concatenated(typed)) for typed in topics]

    def _concatenated(self, typed: TypedTopic) -> WeightedQuery:
        earlier = tuple((query, self.settings.history_weight) for query in typed.history)
        return WeightedQuery(((typed.query, 1.0), *earlier))


def mix(query: str, added: Sequence[tuple[str, float]], original_weight: float, analysis: Analysis) -> WeightedQuery:
    """The query at weight original_weight / |query| together with the added words, whose weights are multiplied by
    1 - original_weight.

    |query| is the query's number of index terms, so that all typed words together weigh original_weight. Without
    added words, or without index terms, the result is the plain query."""
    length = len(analysis.terms(query))
    if not added or not length:
        return WeightedQuery.of(query)
    expansion = ((word, (1.0 - original_weight) * weight) for word, weight in added)
    return WeightedQuery(((query, original_weight / length), *expansion))


@dataclass(frozen=True)
class Oracle:
    """The typed query with the one word of the relevant documents that helps most: the head-room of a single word.

    The oracle reads the judgments and is therefore not a competitor. For each topic it tries the heaviest words of
    the relevant documents one by one with the typed query, at each of the weights. The best by nDCG@10, then by
    RR@10, wins; if no word helps, the typed query stays. A rewriter that adds several words can pass this bound.
    """

    engine: SearchEngine
    index: TermIndex
    n_candidates: int = 30
    """Number of words tried per topic."""
    original_weights: tuple[float, ...] = (0.7, 0.3)
    """Shares of the typed query in the score; each is tried with every word."""
    _weights: csr_array = field(init=False, repr=False)
    """(D, V) BM25 weights of the terms of documents."""

    def __post_init__(self) -> None:
        by_term = weight_matrix(self.index, 1.2, 0.75, quantise=False)
        object.__setattr__(self, "_weights", by_term.T.tocsr())

    def __call__(self, topics: Sequence[TypedTopic]) -> list[SearchedQuery]:
        """Return the best query per topic."""
        return [SearchedQuery(self._best(typed)) for typed in topics]

    def _best(self, typed: TypedTopic) -> WeightedQuery:
        words = self._candidates(typed)
        queries = [WeightedQuery.of(typed.query)]
        analysis = self.index.analysis
        added = [(word, weight) for weight in self.original_weights for word in words]
        queries += [mix(typed.query, [(word, 1.0)], weight, analysis) for word, weight in added]
        relevance = [typed.topic.relevance] * len(queries)
        grades = grades_in_rank_order(self.engine.search(queries, 10), relevance, 10)  # (queries, 10)
        order = np.lexsort((-reciprocal_rank(grades), -ndcg(grades, ideal_dcg(relevance, 10))))
        return queries[int(order[0])]  # lexsort is stable: the typed query wins a tie

    def _candidates(self, typed: TypedTopic) -> list[str]:
        """Words that are not in the query, by the sum over relevant documents of grade x BM25 weight, largest
        first."""
        grades = {self.index.doc_rows[d]: g for d, g in _relevant(typed).items() if d in self.index.doc_rows}
        if not grades:
            return []
        data, rows = np.array(list(grades.values()), dtype=np.float32), np.array(list(grades))
        relevant = csr_array((data, rows, np.array([0, len(rows)])), shape=(1, len(self.index.doc_ids)))  # (1, D)
        weights = (relevant @ self._weights).toarray().ravel()  # (V,)
        typed_ids = [
            self.index.term_ids[t] for t in self.index.analysis.terms(typed.query) if t in self.index.term_ids
        ]
        weights[typed_ids] = 0.0
        return [self.index.surfaces[i] for i in heaviest(weights, self.n_candidates) if weights[i] > 0]


def _relevant(typed: TypedTopic) -> Mapping[str, int]:
    return {doc_id: grade for doc_id, grade in typed.topic.relevance.items() if grade > 0}
