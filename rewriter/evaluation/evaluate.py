"""The evaluation stage: every system on the same held-out topics, with paired statistics, results and run files.

`main` writes a folder: `results.json` and `per_topic.jsonl` (see `results.py`), `runs/SYSTEM.txt` and
`runs/qrels.txt`. The page for people is made by `untilclick.rewriter.evaluation.report.page`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from itertools import count
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

from untilclick.rewriter.evaluation.baselines.simple import Oracle
from untilclick.rewriter.evaluation.baselines.suite import BaselineInput, more_baselines, usual_baselines
from untilclick.rewriter.evaluation.beside.asked import AskedConfig, answer_questions
from untilclick.rewriter.evaluation.beside.lay_groups import LayConfig, LayQueries, lay_queries, measure_lay_groups
from untilclick.rewriter.evaluation.comparisons import compare_systems
from untilclick.rewriter.evaluation.harm import harms
from untilclick.rewriter.evaluation.results import (
    Asked,
    NewNeeds,
    Results,
    SessionResults,
    TopicRow,
    write_results,
)
from untilclick.rewriter.evaluation.session_measures import SessionsConfig, measure_sessions
from untilclick.rewriter.evaluation.statistics import RESAMPLES
from untilclick.rewriter.evaluation.system_names import BASELINE, ENGINE_ORDER, ORACLE
from untilclick.rewriter.evaluation.system_runs import SystemRun, in_engine_order, run_system, topic_rows
from untilclick.rewriter.evaluation.systems import System, Tuned, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import simulated_user, typed_queries
from untilclick.rewriter.judging.needs import needs_of_topics, share_a_need
from untilclick.search.corpora.asked import ASKED, asked_questions
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.corpora.other_topics import read_other_topics
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.run_files import write_qrels, write_run
from untilclick.search.records import Topic
from untilclick.search.users.user import UserConfig
from untilclick.search.version import program_version

if TYPE_CHECKING:
    from untilclick.search.log.session_log import SessionLog

WITHOUT_SESSIONS: tuple[str, ...] = (ORACLE, "session_concatenation")
"""Systems that serve no simulated sessions. The oracle has no judgments for later queries. Session concatenation
would be plain BM25 there, because every query of a simulated session is searched as if it were the first."""


@dataclass(frozen=True)
class EvaluateConfig:
    """Settings of an evaluation."""

    data: str = "stdlib"
    """Source of the corpus, see `untilclick.search.corpora.load.load_collection`."""
    split: str = "dev"
    """Held-out topics to use; take `test` only for figures that are reported."""
    engine: str = "tantivy"
    """Name of the engine."""
    out: Path = Path("runs/evaluation")
    """Folder to write."""
    seed: int = 0
    """Seed of made topics, typing noise, sign flips and bootstrap samples."""
    max_topics: int | None = None
    """Largest number of topics, taken from the start of the split; None takes all."""
    resamples: int = RESAMPLES
    """Sign flips and bootstrap samples of each comparison."""
    sessions: int = 1_000
    """Simulated search sessions per system, see `untilclick.rewriter.evaluation.session_measures`; 0 simulates
    none."""
    oracle: bool = True
    """Whether to search for the best single added word, which takes some 60 searches a topic."""
    context: bool = True
    """Whether systems see the session's earlier queries, if topics have any."""
    more_baselines: bool = True
    """Whether to compare with more baselines than BM25, RM3, spelling correction and the encoder's, see
    `untilclick.rewriter.evaluation.baselines.suite`."""

    exact_titles: bool = True
    """Whether a document whose title is the query as typed comes first in every system's rankings, as in the
    service. If there are such queries, a further row shows BM25 without this step."""
    lay_queries: int = 300
    """Largest number of queries of each group with lay words, see
    `untilclick.rewriter.evaluation.beside.lay_groups`; 0 makes no groups."""
    topics: Path | None = None
    """A folder in BEIR's layout whose queries and judgments are evaluated in place of the collection's own, see
    `untilclick.search.corpora.other_topics`. Parameters are still chosen on the collection's training topics."""
    habits: UserConfig = field(default_factory=UserConfig)
    """Habits of the simulated users who type the queries of made topics; the split decides which words they know."""

    SETTABLE: ClassVar[tuple[str, ...]] = (
        "max_topics", "resamples", "sessions", "oracle", "context", "more_baselines", "exact_titles", "lay_queries",
    )  # fmt: skip
    """The fields that the table `evaluate` of a settings file may hold; commands have options for the others."""

    def __repr__(self) -> str:
        """The settings as text. `exact_titles` appears only if it is off, `lay_queries` only if it is not 300,
        `topics` only if they are given: the keys of a demo's steps are hashes of this text, and a demo that was begun
        before there were these settings goes on. Habits are left out: those of a demo are in the key of its sessions.
        """
        left_out = {("exact_titles", True), ("lay_queries", 300), ("topics", None)}
        values = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "habits"}
        texts = [f"{name}={value!r}" for name, value in values.items() if (name, value) not in left_out]
        return f"EvaluateConfig({', '.join(texts)})"


NEW_NEEDS_MEASURE = "nDCG@10"
"""The measure of topics that share no need with training topics."""

Progress = Callable[[int, int], None]
"""Called with the number of steps done and the number of all steps."""

SystemFactory = Callable[[OpenedCollection], Mapping[str, System]]
"""Builds the trained systems (`warm_start`, `offline`, `ppo`, ...) for an opened collection."""


def main(
    config: EvaluateConfig,
    trained: SystemFactory,
    opened: OpenedCollection | None = None,
    log: SessionLog | None = None,
    progress: Progress | None = None,
) -> Path:
    """Evaluate the baselines and the systems of `trained`; returns the path of `results.json`.

    Give `opened` if the collection is open already, or if its engine needs an address. `log` holds sessions that
    baselines may learn from; sessions of reported topics are left out. The baselines that rank by meaning are left
    out if the documents are not encoded. Raises DataError for an unknown split or one without judged topics, and
    as `read_other_topics` does.
    """
    opened = opened or OpenedCollection.load(config.data, config.engine, config.seed)
    judged = _judged(opened, config)
    topics = _typed(judged, config, config.split)[: config.max_topics]
    systems = {**baselines(opened, config, topics, log), **trained(opened)}
    lay = _lay_queries(judged, config, topics)
    beside = _is_asked_beside(opened, config) + (lay is not None)
    step_done = _step_counter(systems, config, progress, beside)
    results = evaluate_systems(opened.engine, topics, systems, config, step_done)
    fingerprint = opened.collection.corpus.fingerprint
    results = replace(
        results,
        settings={**(results.settings or {}), "corpus fingerprint": fingerprint},
        new_needs=_new_needs(opened, config, topics, results),
        asked=_asked(opened, config, systems, step_done),
    )
    if lay is not None:
        rows = _rows_without_lay_words(topics, results)
        settings, titled = _lay_config(config), _titled(opened.engine, config)
        searching = _without_oracle(systems)
        groups = measure_lay_groups(opened.engine, LayQueries(lay, rows), searching, settings, titled, step_done)
        results = replace(results, lay=groups)
    results = replace(
        results,
        encoder=opened.encoded.encoder.card if opened.encoded else None,
    )
    if config.sessions:
        results = replace(results, sessions=_sessions(judged, topics, systems, config, step_done))
    return write_results(config.out, results)


def _judged(opened: OpenedCollection, config: EvaluateConfig) -> OpenedCollection:
    """The documents with the topics that are evaluated."""
    if config.topics is None:
        return opened
    return opened.with_topics(read_other_topics(config.topics, config.split, opened.collection.corpus).collection)


def _reports_training_topics(config: EvaluateConfig) -> bool:
    return config.split == "train" and config.topics is None


def _asked(
    opened: OpenedCollection, config: EvaluateConfig, systems: Mapping[str, System], step_done: Callable[[], None]
) -> Asked | None:
    """Questions in people's words on the documents, with the same systems but the oracle; None if there are none."""
    if not _is_asked_beside(opened, config):
        return None
    questions = typed_queries(opened.collection, ASKED, config.seed)
    settings = AskedConfig(config.seed, config.resamples)
    titled = _titled(opened.engine, config)
    return answer_questions(opened.engine, questions, _without_oracle(systems), settings, titled, step_done)


def _without_oracle(systems: Mapping[str, System]) -> dict[str, System]:
    return {name: system for name, system in systems.items() if name != ORACLE}


def _titled(engine: SearchEngine, config: EvaluateConfig) -> Callable[[str], Sequence[str]]:
    """The ids of the documents that come first for a query, because it is their title."""
    return lambda query: engine.with_title(query) if config.exact_titles else ()


def _lay_queries(
    opened: OpenedCollection, config: EvaluateConfig, topics: Sequence[TypedTopic]
) -> dict[str, list[TypedTopic]] | None:
    """Queries with lay words for the topics, by group; None if users have no such words for the documents."""
    made = opened.collection.queries == "made" and config.split != ASKED
    if not (made and config.lay_queries and config.habits.lay_share):
        return None
    user = simulated_user(opened.collection, config.split, opened.index, config.habits)
    queries = lay_queries([typed.topic for typed in topics], user, _lay_config(config))
    return queries if any(queries.values()) else None


def _lay_config(config: EvaluateConfig) -> LayConfig:
    return LayConfig(config.lay_queries, config.seed, config.resamples)


def _rows_without_lay_words(topics: Sequence[TypedTopic], results: Results) -> list[tuple[Topic, TopicRow]]:
    pairs = zip(topics, results.topics, strict=True)
    return [(typed.topic, row) for typed, row in pairs if not typed.lay_words]


def _is_asked_beside(opened: OpenedCollection, config: EvaluateConfig) -> bool:
    return config.split != ASKED and bool(asked_questions(opened.collection.corpus))


def _new_needs(
    opened: OpenedCollection, config: EvaluateConfig, topics: Sequence[TypedTopic], results: Results
) -> NewNeeds | None:
    """The figures of the topics that share no need with training topics; None if none or all of them do."""
    training = () if _reports_training_topics(config) else opened.collection.topics.get("train", ())
    shared = share_a_need([typed.topic for typed in topics], training, opened.analysis).tolist()
    if not any(shared) or all(shared):
        return None
    rows = [row for row, is_shared in zip(results.topics, shared, strict=True) if not is_shared]
    means = {name: fmean(row.outcomes[name].values[NEW_NEEDS_MEASURE] for row in rows) for name in results.figures}
    return NewNeeds(len(rows), means)


def baselines(
    opened: OpenedCollection,
    config: EvaluateConfig,
    topics: Sequence[TypedTopic],
    log: SessionLog | None = None,
) -> dict[str, System]:
    """The baselines for the topics, their parameters chosen on training topics, and the oracle if it is asked for."""
    data = BaselineInput(opened, _training_topics(opened, config), topics, log)
    systems = usual_baselines(data)
    if config.more_baselines:
        systems |= more_baselines(data)
    if config.oracle:
        systems[ORACLE] = Oracle(opened.engine, opened.index)
    return systems


def evaluate_systems(
    engine: SearchEngine,
    topics: Sequence[TypedTopic],
    systems: Mapping[str, System],
    config: EvaluateConfig,
    step_done: Callable[[], None] | None = None,
) -> Results:
    """Search every system's queries and score them on the same topics; writes run files and judgments to
    `config.out / "runs"`. `step_done` is called after every system."""
    write_qrels(config.out / "runs" / "qrels.txt", [typed.topic for typed in topics])
    titled = [engine.with_title(typed.query) if config.exact_titles else () for typed in topics]
    runs: dict[str, SystemRun] = {}
    for name, system in systems.items():
        runs[name] = run_system(engine, topics, name, system, titled)
        if step_done is not None:
            step_done()
    if any(titled) and BASELINE in runs:
        runs[ENGINE_ORDER] = in_engine_order(runs[BASELINE], topics)
    _write_run_files(config.out / "runs", topics, runs)
    needs = needs_of_topics([typed.topic for typed in topics], engine.analysis)
    scores = {name: run.scores for name, run in runs.items()}
    return Results(
        data=config.data,
        split=config.split,
        engine=engine.name,
        seed=config.seed,
        n_topics=len(topics),
        n_needs=needs.n_groups,
        code_version=program_version(),
        figures={name: run.figures for name, run in runs.items()},
        comparisons=compare_systems(scores, config.seed, config.resamples, needs.groups),
        topics=topic_rows(engine, topics, runs),
        harm=harms(scores),
        settings={**_settings(systems, config), "queries that are a title": str(sum(map(bool, titled)))},
    )


def _write_run_files(folder: Path, topics: Sequence[TypedTopic], runs: Mapping[str, SystemRun]) -> None:
    """One TREC run file per system."""
    topic_ids = [typed.topic.topic_id for typed in topics]
    for name, run in runs.items():
        write_run(folder / f"{name}.txt", name, topic_ids, run.rankings)


def _settings(systems: Mapping[str, System], config: EvaluateConfig) -> dict[str, str]:
    """Settings of the evaluation and chosen parameters of baselines, as text; without the folder, which has no
    influence on the figures."""
    chosen = {name: str(system.settings) for name, system in systems.items() if isinstance(system, Tuned)}
    values = {name: value for name, value in asdict(config).items() if name not in {"out", "habits"}}
    if config.topics is None:
        del values["topics"]
    values |= {f"user.{name}": value for name, value in asdict(config.habits).items()}
    return {**{name: str(value) for name, value in values.items()}, **chosen}


def _step_counter(
    systems: Mapping[str, System], config: EvaluateConfig, progress: Progress | None, beside: int
) -> Callable[[], None]:
    """A function to call when a system has searched the topics, again when it has searched each of so many sets of
    queries `beside` them, and when it has served sessions."""
    total = len(systems) + beside * len(_without_oracle(systems))
    total += len(systems.keys() - set(WITHOUT_SESSIONS)) if config.sessions else 0
    steps = count(1)

    def step_done() -> None:
        if progress is not None:
            progress(next(steps), total)

    return step_done


def _sessions(
    opened: OpenedCollection,
    topics: Sequence[TypedTopic],
    systems: Mapping[str, System],
    config: EvaluateConfig,
    step_done: Callable[[], None],
) -> SessionResults:
    """Simulated sessions with every system but those of `WITHOUT_SESSIONS`."""
    user = simulated_user(opened.collection, config.split, opened.index, config.habits)
    serving = {name: system for name, system in systems.items() if name not in WITHOUT_SESSIONS}
    settings = SessionsConfig(config.sessions, config.seed, config.resamples, config.exact_titles)
    return measure_sessions(opened.engine, [typed.topic for typed in topics], user, serving, settings, step_done)


def _training_topics(opened: OpenedCollection, config: EvaluateConfig) -> list[TypedTopic]:
    """Topics for choosing parameters and for estimating; none if the collection has none, or if they are reported."""
    if _reports_training_topics(config) or not opened.collection.topics.get("train"):
        return []
    return _typed(opened, config, "train")


def _typed(opened: OpenedCollection, config: EvaluateConfig, split: str) -> list[TypedTopic]:
    """The typed topics of a split, without the session's earlier queries if systems shall not see them."""
    topics = typed_queries(opened.collection, split, config.seed, opened.index, config.habits)
    return topics if config.context else [replace(typed, history=()) for typed in topics]
