"""The evaluation stage: every system on the same held-out topics, paired statistics, results, run files.

Writes a folder: `results.json` (see `results.py`), `per_topic.jsonl`, `runs/SYSTEM.txt` and `runs/qrels.txt`.
The page to read is made by `untilclick.rewriter.evaluation.report.page`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from untilclick.rewriter.evaluation.baselines.simple import Oracle
from untilclick.rewriter.evaluation.baselines.suite import BaselineInput, more_baselines, usual_baselines
from untilclick.rewriter.evaluation.results import (
    ORACLE,
    Results,
    SystemFigures,
    TopicOutcome,
    TopicRow,
    write_results,
)
from untilclick.rewriter.evaluation.session_measures import SessionResults, SessionsConfig, measure_sessions
from untilclick.rewriter.evaluation.statistics import RESAMPLES, Comparison, compare
from untilclick.rewriter.evaluation.systems import Answer, System, Tuned, TypedTopic, engine_of
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import DataError
from untilclick.search.measures.metrics import DEPTH, MEASURES, Scores, evaluate_rankings
from untilclick.search.measures.run_files import write_qrels, write_run
from untilclick.search.records import Collection, ScoredDoc, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.misspellings import Part
from untilclick.search.users.user import SimulatedUser, UserConfig
from untilclick.search.version import program_version

if TYPE_CHECKING:
    from untilclick.search.log.session_log import SessionLog

logger = logging.getLogger(__name__)

COMPARED: tuple[tuple[str, str], ...] = (
    ("ppo", "bm25"),
    ("ppo", "rm3"),
    ("ppo", "warm_start"),
    ("ppo", "spelling"),
    ("offline", "bm25"),
    ("offline", "rm3"),
    ("offline", "warm_start"),
    ("offline", "spelling"),
    ("warm_start", "bm25"),
    ("warm_start", "rm3"),
    ("rm3", "bm25"),
    ("warm_start", "spelling"),
    ("base", "bm25"),
    ("base", "rm3"),
    ("mean", "bm25"),
    ("mean", "rm3"),
    ("mean", "ppo"),
    ("mean", "spelling"),
    *product(
        ("mean", "ppo", "offline", "warm_start"),
        ("rocchio", "session_concatenation", "successor", "association", "bm25_tuned"),
    ),
)
"""Pairs (a, b) that are tested where both systems are there."""

TESTED_MEASURES: tuple[str, ...] = ("nDCG@10", "RR@10", "R@100")
"""Measures that are tested."""

TITLES_KEPT = 3
"""First results whose titles go into `per_topic.jsonl`, for the report."""

WITHOUT_SESSIONS: tuple[str, ...] = (ORACLE, "session_concatenation")
"""Systems that serve no simulated sessions: one knows no answers for later queries, the other is plain BM25 where
every query is searched as if it were the first."""


@dataclass(frozen=True)
class EvaluateConfig:
    """What is evaluated, and how."""

    data: str = "stdlib"
    """Source of the corpus, see `untilclick.search.corpora.load.load_collection`."""
    split: str = "dev"
    """Held-out topics to use; `test` only for figures that are reported."""
    engine: str = "tantivy"
    """Engine by name."""
    out: Path = Path("runs/evaluation")
    """Folder to write."""
    seed: int = 0
    """Random numbers of made topics, typing noise, sign flips and bootstrap samples."""
    max_topics: int | None = None
    """Topics used at most, the first of the split; None uses all."""
    resamples: int = RESAMPLES
    """Sign flips and bootstrap samples."""
    sessions: int = 1_000
    """Simulated search sessions per system, see `untilclick.rewriter.evaluation.session_measures`; 0 simulates
    none."""
    oracle: bool = True
    """Whether to search for the best single added word, some 60 searches a topic."""
    context: bool = True
    """Whether systems see the session's earlier queries, where topics have any."""
    more_baselines: bool = True
    """Whether to compare with more than BM25, RM3 and spelling correction, see
    `untilclick.rewriter.evaluation.baselines.suite`."""


Progress = Callable[[int, int], None]
"""Called with what is done and what there is to do."""

SystemFactory = Callable[[OpenedCollection], Mapping[str, System]]
"""Builds the learned systems (`warm_start`, `offline`, `ppo`) for an opened corpus."""


def main(
    config: EvaluateConfig,
    learned: SystemFactory,
    opened: OpenedCollection | None = None,
    log: SessionLog | None = None,
    progress: Progress | None = None,
) -> Path:
    """Evaluate the baselines and what `learned` brings; returns the path of `results.json`.

    `opened` spares loading a collection and opening its engine twice, and brings engines that need an address. `log`
    holds sessions that baselines may learn from, of other needs than those that are reported. Raises DataError for an
    unknown split or one without judged topics.
    """
    opened = opened or OpenedCollection.load(config.data, config.engine, config.seed)
    topics = _as_seen(typed_queries(opened.collection, config.split, config.seed, opened.index), config)
    topics = topics[: config.max_topics]
    systems = {**baselines(opened, config, topics, log), **learned(opened)}
    counted = _counted(systems, config, progress)
    results = evaluate_systems(opened.engine, topics, systems, config, counted)
    fingerprint = opened.collection.corpus.fingerprint
    results = replace(results, settings={**(results.settings or {}), "corpus fingerprint": fingerprint})
    if config.sessions:
        results = replace(results, sessions=_sessions(opened, topics, systems, config, counted))
    return write_results(config.out, results)


def baselines(
    opened: OpenedCollection, config: EvaluateConfig, topics: Sequence[TypedTopic], log: SessionLog | None = None
) -> dict[str, System]:
    """What the learned systems have to beat on the topics, its parameters chosen on training topics, and, where asked
    for, the oracle."""
    data = BaselineInput(opened, _training_topics(opened, config), topics, log)
    systems = usual_baselines(data)
    if config.more_baselines:
        systems |= more_baselines(data)
    if config.oracle:
        systems[ORACLE] = Oracle(opened.engine, opened.index)
    return systems


def typed_queries(collection: Collection, split: str, seed: int, index: TermIndex | None = None) -> list[TypedTopic]:
    """The judged topics of a split with what a user typed: verbatim, after the session's earlier queries, where
    people wrote the queries; where they were made, by a simulated user with its own noise. Same seed, same queries.
    Users of the training split draw from one half of the list of real misspellings, all others from the other half,
    which no training has seen.

    Topics without a relevant document are left out, since every ranking scores 0 on them. Raises DataError for a
    split the collection lacks, or without judged topics.
    """
    topics = [topic for topic in _split(collection, split) if any(grade > 0 for grade in topic.relevance.values())]
    if not topics:
        raise DataError(f"Split {split!r} of {collection.corpus.source} has no topic with a relevant document.")
    if collection.queries == "real":
        return [TypedTopic(topic, topic.query, topic.history) for topic in topics]
    user = SimulatedUser.of(collection, UserConfig(misspellings=_misspellings_of(split)), index)
    streams = np.random.default_rng([seed, 2]).spawn(len(topics))
    return [TypedTopic(topic, user.first_query(topic, rng).text) for topic, rng in zip(topics, streams, strict=True)]


def evaluate_systems(
    engine: SearchEngine,
    topics: Sequence[TypedTopic],
    systems: Mapping[str, System],
    config: EvaluateConfig,
    done: Callable[[], None] | None = None,
) -> Results:
    """Search every system's queries and score them on the same topics; writes run files and judgments to
    `config.out / "runs"`. `done` is called after every system."""
    judged = [one.topic for one in topics]
    write_qrels(config.out / "runs" / "qrels.txt", judged)
    found: dict[str, _Run] = {}
    for name, system in systems.items():
        found[name] = _run_system(engine, topics, name, system)
        if done is not None:
            done()
    for name, run in found.items():
        path = config.out / "runs" / f"{name}.txt"
        write_run(path, name, [topic.topic_id for topic in judged], run.rankings)
    return Results(
        data=config.data,
        split=config.split,
        engine=engine.name,
        seed=config.seed,
        n_topics=len(topics),
        code_version=program_version(),
        figures={name: run.figures for name, run in found.items()},
        comparisons=compare_systems({name: run.scores for name, run in found.items()}, config),
        topics=_topic_rows(engine, topics, found),
        settings=_settings(systems, config),
    )


def compare_systems(scores: Mapping[str, Scores], config: EvaluateConfig) -> tuple[Comparison, ...]:
    """The pairs of COMPARED that are there, on each tested measure; every comparison has its own random numbers."""
    pairs = [(a, b) for a, b in COMPARED if a in scores and b in scores]
    tasks = [(pair, measure) for pair in pairs for measure in TESTED_MEASURES]
    streams = np.random.default_rng([config.seed, 1]).spawn(len(tasks))
    return tuple(
        compare((a, b), measure, (scores[a].values[measure], scores[b].values[measure]), rng, config.resamples)
        for ((a, b), measure), rng in zip(tasks, streams, strict=True)
    )


@dataclass(frozen=True)
class _Run:
    """One system's answers and rankings on all topics."""

    answers: list[Answer]
    rankings: list[list[ScoredDoc]]
    scores: Scores
    figures: SystemFigures


def _run_system(engine: SearchEngine, topics: Sequence[TypedTopic], name: str, system: System) -> _Run:
    started = time.perf_counter()
    answers = system(topics)
    answered = time.perf_counter()
    rankings = engine_of(system, engine).search([answer.query for answer in answers], DEPTH)
    searched = time.perf_counter()
    scores = evaluate_rankings([one.topic for one in topics], rankings)
    logger.info("%s: nDCG@10 %.4f, %d topics without results", name, scores.mean("nDCG@10"), scores.n_empty)
    figures = SystemFigures(
        means={measure: scores.mean(measure) for measure in MEASURES},
        n_empty=scores.n_empty,
        n_applied=sum(answer.rewrite is not None and answer.rewrite.applied for answer in answers),
        answer_seconds=answered - started,
        search_seconds=searched - answered,
    )
    return _Run(answers, rankings, scores, figures)


def _topic_rows(
    engine: SearchEngine, topics: Sequence[TypedTopic], found: Mapping[str, _Run]
) -> tuple[TopicRow, ...]:
    shown = {hit.doc_id for run in found.values() for ranking in run.rankings for hit in ranking[:TITLES_KEPT]}
    ids = sorted(shown)
    titles = {document.doc_id: document.title or document.doc_id for document in engine.documents(ids)}
    rows = []
    for i, one in enumerate(topics):
        outcomes = {name: _outcome(run, i, one.topic, titles) for name, run in found.items()}
        rows.append(TopicRow(one.topic.topic_id, one.topic.query, one.query, outcomes))
    return tuple(rows)


def _outcome(run: _Run, i: int, topic: Topic, titles: Mapping[str, str]) -> TopicOutcome:
    rewrite = run.answers[i].rewrite
    first = run.rankings[i][:TITLES_KEPT]
    return TopicOutcome(
        values={measure: float(run.scores.values[measure][i]) for measure in MEASURES},
        titles=tuple(titles[hit.doc_id] for hit in first),
        relevant=tuple(topic.relevance.get(hit.doc_id, 0) > 0 for hit in first),
        text=rewrite.text if rewrite else None,
        terms=rewrite.terms if rewrite else (),
        applied=bool(rewrite and rewrite.applied),
        reason=rewrite.reason.value if rewrite else None,
    )


def _settings(systems: Mapping[str, System], config: EvaluateConfig) -> dict[str, str]:
    """What was set or chosen, as text; the folder is left out, since it says nothing about the figures."""
    chosen = {name: str(system.settings) for name, system in systems.items() if isinstance(system, Tuned)}
    given = {name: str(value) for name, value in asdict(config).items() if name != "out"}
    return {**given, **chosen}


def _misspellings_of(split: str) -> Part:
    return "train" if split == "train" else "test"


def _counted(systems: Mapping[str, System], config: EvaluateConfig, progress: Progress | None) -> Callable[[], None]:
    """To be called when a system has searched, and when it has served sessions."""
    total = len(systems) + (len(systems.keys() - set(WITHOUT_SESSIONS)) if config.sessions else 0)
    numbers = count(1)

    def done() -> None:
        if progress is not None:
            progress(next(numbers), total)

    return done


def _sessions(
    opened: OpenedCollection,
    topics: Sequence[TypedTopic],
    systems: Mapping[str, System],
    config: EvaluateConfig,
    done: Callable[[], None],
) -> SessionResults:
    """Sessions with every system but those of `WITHOUT_SESSIONS`."""
    user = SimulatedUser.of(opened.collection, UserConfig(misspellings=_misspellings_of(config.split)), opened.index)
    rivals = {name: system for name, system in systems.items() if name not in WITHOUT_SESSIONS}
    settings = SessionsConfig(config.sessions, config.seed, config.resamples)
    return measure_sessions(opened.engine, [one.topic for one in topics], user, rivals, settings, done)


def _training_topics(opened: OpenedCollection, config: EvaluateConfig) -> list[TypedTopic]:
    """Topics for choosing and estimating; none where there are none or where they are what is reported."""
    if config.split == "train" or not opened.collection.topics.get("train"):
        return []
    return _as_seen(typed_queries(opened.collection, "train", config.seed, opened.index), config)


def _as_seen(topics: list[TypedTopic], config: EvaluateConfig) -> list[TypedTopic]:
    return topics if config.context else [replace(one, history=()) for one in topics]


def _split(collection: Collection, split: str) -> tuple[Topic, ...]:
    if split not in collection.topics:
        there = ", ".join(collection.topics) or "none"
        raise DataError(f"{collection.corpus.source} has no split {split!r}; choose one of: {there}.")
    return collection.topics[split]
