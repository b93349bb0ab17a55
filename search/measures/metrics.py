"""Measures of rankings: by ir-measures for each topic, and as formulas over arrays for rewards.

Reported figures come from ir-measures alone. Rewards need a measure ten thousand times a second, hence the formulas;
a test compares them with ir-measures. Measures of search sessions are in
`untilclick.rewriter.evaluation.session_measures`, run files in `untilclick.search.measures.run_files`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from untilclick.search.errors import DataError, MissingDependencyError
from untilclick.search.records import ScoredDoc, Topic

MEASURES: tuple[str, ...] = ("nDCG@10", "RR@10", "R@100", "Success@10")
"""The measures that evaluations report, in ir-measures' notation. A grade of 1 or more counts as relevant."""

HARM_MARGIN = 0.05
"""A query counts as harmed by a change that costs it more than this, in units of the measure."""

DEPTH = 100
"""Number of documents of a ranking that these measures look at."""

Floats = NDArray[np.float64]
Grades = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class TopicScores:
    """Measures of the rankings of one system, by topic."""

    topic_ids: tuple[str, ...]
    values: Mapping[str, Floats] = field(repr=False)
    """Measure -> (n,) its value for each topic, 0..1."""
    n_empty: int
    """Number of topics with an empty ranking; they score 0 and count in the mean."""

    def mean(self, measure: str) -> float:
        """Mean over all topics; 0 without topics."""
        return float(self.values[measure].mean()) if self.topic_ids else 0.0


def evaluate_rankings(
    topics: Sequence[Topic], rankings: Sequence[Sequence[ScoredDoc]], measures: Sequence[str] = MEASURES
) -> TopicScores:
    """Measure one ranking per topic with ir-measures. The order of the rankings counts, also among tied scores.

    An empty ranking scores 0, and so does a topic without a relevant document. Raises DataError if a topic id or a
    document of a ranking occurs twice, because the libraries underneath would silently drop one of the two.
    """
    _refuse_repeats(topics, rankings)
    irm = _ir_measures()
    parsed = {irm.parse_measure(name): name for name in measures}
    qrels = {topic.topic_id: dict(topic.relevance) for topic in topics if topic.relevance}
    run = {topic.topic_id: _by_rank(ranking) for topic, ranking in zip(topics, rankings, strict=True) if ranking}
    rows = {topic.topic_id: i for i, topic in enumerate(topics)}  # ir-measures has an order of its own
    values = {name: np.zeros(len(topics)) for name in measures}
    if run and qrels:
        for metric in irm.iter_calc(list(parsed), qrels, run):
            values[parsed[metric.measure]][rows[metric.query_id]] = metric.value
    return TopicScores(tuple(rows), values, n_empty=len(topics) - len(run))


def dcg(ranks: NDArray[np.integer], gains: NDArray[np.number], depth: int | None = None) -> Floats:
    """(...) discounted cumulated gain: the sum over the last axis of gain / log2(1 + rank).

    `ranks` (..., K) are the 1-based ranks of K documents and `gains` (..., K) are their gains, in any order; the two
    shapes are broadcast. With `depth`, documents at lower ranks count 0. No documents give 0.
    ([1, 2, 3], [2, 0, 1]) gives 2 / log2(2) + 1 / log2(4) = 2.5.
    Source: Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS 20(4), 2002, with the
    discount log2(1 + rank), as in trec_eval's ndcg_cut.
    """
    discounts = 1.0 / np.log2(1.0 + ranks)  # (..., K)
    if depth is not None:
        discounts = np.where(ranks <= depth, discounts, 0.0)
    return np.asarray((gains * discounts).sum(-1), dtype=np.float64)


def ndcg(relevance: Grades, ideal: Floats) -> Floats:
    """(B,) normalised discounted cumulated gain of the first k ranks, 0..1; 0 where the ideal is 0.

    `relevance` (B, k) holds grades in rank order (0 or less: not relevant, or no document); a grade is its own gain.
    `ideal` (B,) comes from `ideal_dcg` with the same k. [[0, 1]] with ideal [1.0] gives [1 / log2(3)].
    Source: see `dcg`.
    """
    gain = dcg(ranks_to(relevance.shape[1]), np.maximum(relevance, 0))  # (B,)
    return np.divide(gain, ideal, out=np.zeros_like(gain), where=ideal > 0)


def ranks_to(k: int) -> NDArray[np.int64]:
    """(k,) the ranks 1..k."""
    return np.arange(1, k + 1)


def ideal_dcg(relevance: Sequence[Mapping[str, int]], k: int) -> Floats:
    """(B,) the highest possible `dcg` of k documents for the judgments of each topic; 0 without relevant
    documents."""
    best = np.zeros((len(relevance), k), dtype=np.int64)  # (B, k) grades in ideal order
    for row, grades in enumerate(relevance):
        top = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k]
        best[row, : len(top)] = top
    return dcg(ranks_to(k), best)


def reciprocal_rank(relevance: Grades) -> Floats:
    """(B,) 1 / rank of the first relevant document of grades (B, k) in rank order; 0 without a relevant document.

    Source: Voorhees, "The TREC-8 question answering track report", TREC 1999.
    """
    relevant = relevance > 0  # (B, k)
    if relevance.shape[1] == 0:
        return np.zeros(len(relevance))
    return np.where(relevant.any(axis=1), 1.0 / (relevant.argmax(axis=1) + 1), 0.0)


def grades_in_rank_order(
    rankings: Sequence[Sequence[ScoredDoc]], relevance: Sequence[Mapping[str, int]], k: int
) -> NDArray[np.int64]:
    """(B, k) grade of the document at each rank; 0 for unjudged documents and below the end of a ranking."""
    grades = np.zeros((len(rankings), k), dtype=np.int64)
    for row, (ranking, judged) in enumerate(zip(rankings, relevance, strict=True)):
        for column, document in enumerate(ranking[:k]):
            grades[row, column] = judged.get(document.doc_id, 0)
    return grades


def _by_rank(ranking: Sequence[ScoredDoc]) -> dict[str, float]:
    """doc_id -> a score that falls by 1 with each rank, because trec_eval orders tied scores by document id."""
    return {document.doc_id: float(len(ranking) - i) for i, document in enumerate(ranking)}


def _refuse_repeats(topics: Sequence[Topic], rankings: Sequence[Sequence[ScoredDoc]]) -> None:
    seen: set[str] = set()
    for topic, ranking in zip(topics, rankings, strict=True):
        if topic.topic_id in seen:
            raise DataError(f"Topic {topic.topic_id!r} occurs twice; give every topic an id of its own.")
        seen.add(topic.topic_id)
        if len({document.doc_id for document in ranking}) != len(ranking):
            raise DataError(
                f"The ranking for topic {topic.topic_id!r} has a document twice; rank every document once."
            )


def _ir_measures() -> ModuleType:
    try:
        import ir_measures  # noqa: PLC0415 - optional
    except ImportError as error:
        raise MissingDependencyError.of("ir-measures", "train") from error
    return ir_measures
