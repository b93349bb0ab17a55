"""The simplest systems a learned rewriter has to beat, and the bound it cannot pass by much: the query as typed, with
misspelt words corrected, with the session's earlier queries, and the oracle.

Systems that expand queries are in `feedback.py`, `association.py` and `successor.py`. All
are put together by `untilclick.rewriter.evaluation.baselines.suite`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from untilclick.rewriter.evaluation.systems import Answer, TypedTopic
from untilclick.search.engines.bm25 import weight_matrix
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import grades_in_rank_order, ideal_dcg, ndcg, reciprocal_rank
from untilclick.search.records import WeightedQuery
from untilclick.search.text.analysis import terms
from untilclick.search.text.heaviest import heaviest
from untilclick.search.text.term_index import TermIndex


class Corrector(Protocol):
    """The verb of `untilclick.search.text.spelling.SpellingCorrector` that is used here."""

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
class ConcatenationSettings:
    """The one parameter of session concatenation."""

    history_weight: float = 0.5
    """Weight of each word of an earlier query; a typed word weighs 1."""


CONCATENATION_GRID = tuple(ConcatenationSettings(weight) for weight in (0.1, 0.2, 0.3, 0.5, 0.7, 1.0))
"""What is tried on training topics with history."""


@dataclass(frozen=True)
class SessionConcatenation:
    """The typed query with the words of the session's earlier queries, at a lower weight.

    Source: Van Gysel, Kanoulas & de Rijke, "Lexical query modeling in session search", ICTIR 2016, who find it hard
    to beat.
    """

    settings: ConcatenationSettings = field(default_factory=ConcatenationSettings)

    def __call__(self, topics: Sequence[TypedTopic]) -> list[Answer]:
        """One weighted query per topic; the plain query at the start of a session."""
        weight = self.settings.history_weight
        earlier = [tuple((query, weight) for query in one.history) for one in topics]
        return [
            Answer(WeightedQuery(((one.query, 1.0), *clauses))) for one, clauses in zip(topics, earlier, strict=True)
        ]


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
        return [self.index.surfaces[i] for i in heaviest(weights, self.n_candidates) if weights[i] > 0]


def _relevant(typed: TypedTopic) -> Mapping[str, int]:
    return {doc_id: grade for doc_id, grade in typed.topic.relevance.items() if grade > 0}
