"""Runs of systems: what each system searched for every topic, what was retrieved, and how well it was ranked."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from untilclick.rewriter.evaluation.results import SystemFigures, TopicOutcome, TopicRow
from untilclick.rewriter.evaluation.systems import System, TypedTopic, engine_of
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import DEPTH, MEASURES, Floats, TopicScores, evaluate_rankings
from untilclick.search.records import ScoredDoc, Topic

logger = logging.getLogger(__name__)

TITLES_KEPT = 3
"""First results whose titles are kept for the report, per topic and system."""


@dataclass(frozen=True)
class SystemRun:
    """One system on all topics; lists have one entry per topic, in order."""

    queries: list[SearchedQuery]
    retrieved: list[list[ScoredDoc]]
    """The rankings by scores."""
    rankings: list[list[ScoredDoc]]
    """What is shown: the same, with exact titles first."""
    scores: TopicScores
    figures: SystemFigures


def run_system(
    engine: SearchEngine, topics: Sequence[TypedTopic], name: str, system: System, titled: Sequence[Sequence[str]]
) -> SystemRun:
    """Make a system's queries, search them, and score the rankings; the time of the first two is measured.

    `titled` are the ids of the documents that come first for each topic, because their title is the query as typed.
    """
    started = time.perf_counter()
    queries = system(topics)
    made = time.perf_counter()
    ranked = rank(engine_of(system, engine), queries, DEPTH, titled=titled)
    searched_at = time.perf_counter()
    rankings = [ranking.shown for ranking in ranked]
    scores = evaluate_rankings([typed.topic for typed in topics], rankings)
    logger.info("%s: nDCG@10 %.4f, %d topics without results", name, scores.mean("nDCG@10"), scores.n_empty)
    figures = SystemFigures(
        means={measure: scores.mean(measure) for measure in MEASURES},
        n_empty=scores.n_empty,
        n_applied=sum(searched.rewrite is not None and searched.rewrite.applied for searched in queries),
        answer_seconds=made - started,
        search_seconds=searched_at - made,
    )
    return SystemRun(queries, [ranking.retrieved for ranking in ranked], rankings, scores, figures)


def measure_system(
    engine: SearchEngine,
    topics: Sequence[TypedTopic],
    system: System,
    titled: Sequence[Sequence[str]],
    measure: str,
) -> Floats:
    """(n,) one measure of a system on each topic; `titled` as in `run_system`."""
    rankings = [ranking.shown for ranking in rank(engine_of(system, engine), system(topics), DEPTH, titled=titled)]
    return evaluate_rankings([typed.topic for typed in topics], rankings, (measure,)).values[measure]


def in_engine_order(run: SystemRun, topics: Sequence[TypedTopic]) -> SystemRun:
    """The same run without the step that puts exact titles first."""
    scores = evaluate_rankings([typed.topic for typed in topics], run.retrieved)
    means = {measure: scores.mean(measure) for measure in MEASURES}
    figures = replace(run.figures, means=means, n_empty=scores.n_empty)
    return replace(run, rankings=run.retrieved, scores=scores, figures=figures)


def topic_rows(
    engine: SearchEngine, topics: Sequence[TypedTopic], runs: Mapping[str, SystemRun]
) -> tuple[TopicRow, ...]:
    """What every system did on each topic, with the titles of its first results."""
    first_ids = {hit.doc_id for run in runs.values() for ranking in run.rankings for hit in ranking[:TITLES_KEPT]}
    documents = engine.documents(sorted(first_ids))
    titles = {document.doc_id: document.title or document.doc_id for document in documents}
    rows = []
    for row, typed in enumerate(topics):
        outcomes = {name: _outcome(run, row, typed.topic, titles) for name, run in runs.items()}
        rows.append(TopicRow(typed.topic.topic_id, typed.topic.query, typed.query, outcomes))
    return tuple(rows)


def _outcome(run: SystemRun, row: int, topic: Topic, titles: Mapping[str, str]) -> TopicOutcome:
    rewrite = run.queries[row].rewrite
    first = run.rankings[row][:TITLES_KEPT]
    return TopicOutcome(
        values={measure: float(run.scores.values[measure][row]) for measure in MEASURES},
        titles=tuple(titles[hit.doc_id] for hit in first),
        relevant=tuple(topic.relevance.get(hit.doc_id, 0) > 0 for hit in first),
        text=rewrite.text if rewrite else None,
        terms=rewrite.terms if rewrite else (),
        applied=bool(rewrite and rewrite.applied),
        reason=rewrite.reason.value if rewrite else None,
    )
