"""The parts of a ranking for one query, each divided by its maximum and weighted by a `Mixture`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from untilclick.rewriter.serving.readings.meaning import QueryScores
from untilclick.rewriter.serving.readings.mixture import FIRST, Evidence, Mixture, share_of, surprise_of
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.engines.vectors.document_scores import DocumentScores
from untilclick.search.records import Feedback, WeightedQuery


class Parts(NamedTuple):
    """What is weighed for one query."""

    typed: WeightedQuery
    """The query as typed, with corrections and context."""
    words: WeightedQuery
    """The other words."""
    scores: QueryScores
    """The likeness of the documents."""


@dataclass(frozen=True, slots=True)
class Weighed:
    """The weights of the parts of one query, and the best scores that its words reach."""

    typed: float
    words: float
    documents: float
    """The weights; they sum to 1."""
    best_typed: float
    """BM25's highest score of the query as typed; 1 if it finds nothing."""
    best_words: float
    """BM25's highest score of the other words; 1 if they find nothing."""
    prior: float = 0.0
    """Weight of the prominence of documents, on top of the others."""

    def query(self, parts: Parts, *, alone: bool) -> WeightedQuery:
        """The words of both parts in one query, in which each part is divided by its best score. `alone`: for a
        ranking without documents, whose weight the other words get, because these follow from the documents, too."""
        words = self.words + self.documents if alone else self.words
        scaled = ((parts.typed, self.typed / self.best_typed), (parts.words, words / self.best_words))
        clauses = ((text, factor * weight) for part, factor in scaled if factor for text, weight in part.clauses)
        return WeightedQuery(tuple(clauses))


def weigh(engine: SearchEngine, parts: Parts, mixture: Mixture) -> Weighed:
    """The weights that a mixture gives to the parts of a query. Raises EngineError if the engine fails.

    A query that the encoder says nothing of is searched as typed.
    """
    first = engine.feedback(parts.typed, 0)
    words = list(dict.fromkeys(word for text, _ in parts.typed.clauses for word in engine.analysis.words(text)))
    best_words, *best = _best_scores(engine, [parts.words, *map(WeightedQuery.of, words)])
    if parts.scores.cosines is None:
        typed, other, documents, prior = 1.0, 0.0, 0.0, 0.0
    else:
        possible = _possible(engine, parts.typed, dict(zip(words, best, strict=True)))
        weights = mixture.weights(evidence_of(first, possible, parts.scores.cosines))
        typed, other, documents = (float(each[0]) for each in weights)
        prior = mixture.prior
    return Weighed(typed, other, documents, first.scores[0] if first.scores else 1.0, best_words or 1.0, prior)


def evidence_of(first: Feedback, possible: float, documents: DocumentScores) -> Evidence:
    """The evidence of one query: its first documents by BM25, the score that they could reach at most, and the
    likeness of the documents."""
    nearest = np.array([entry.score for entry in documents.nearest(FIRST)], dtype=np.float64)
    found = np.array(documents.scores(first.doc_ids[:FIRST]), dtype=np.float64)
    spread = documents.spread()
    tenth = nearest[-1:] if nearest.size else np.zeros(1)
    flatness = first.scores[FIRST - 1] / first.scores[0] if len(first.scores) >= FIRST else 0.0
    return Evidence(
        share_of(np.array(first.scores[:1] or [0.0]), np.array([possible])),
        share_of(
            np.array([found.mean() if found.size else 0.0]), np.array([nearest.mean() if nearest.size else 0.0])
        ),
        surprise_of(tenth, np.array([spread.mean]), np.array([spread.deviation]), len(documents)),
        np.array([flatness]),
    )


def _possible(engine: SearchEngine, typed: WeightedQuery, best: dict[str, float]) -> float:
    """The score of a query whose words all score their best in one document."""
    words = engine.analysis.words
    return sum(weight * sum(best[word] for word in words(text)) for text, weight in typed.clauses)


def _best_scores(engine: SearchEngine, queries: Sequence[WeightedQuery]) -> list[float]:
    """The highest score of each query; 0 for one that finds nothing."""
    return [ranking[0].score if ranking else 0.0 for ranking in engine.search(queries, 1)]
