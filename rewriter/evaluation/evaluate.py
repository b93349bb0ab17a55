"""The evaluation stage: every system on the same held-out topics, with paired statistics, results and run files.

`main` writes a folder: `results.json` and `per_topic.jsonl` (see `results.py`), `runs/SYSTEM.txt` and
`runs/qrels.txt`. The page for people is made by `untilclick.rewriter.evaluation.report.page`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from itertools import count
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, ClassVar

from untilclick.rewriter.evaluation.asked import AskedConfig, answer_questions
from untilclick.rewriter.evaluation.baselines.simple import Oracle
from untilclick.rewriter.evaluation.baselines.suite import BaselineInput, more_baselines, usual_baselines
from untilclick.rewriter.evaluation.comparisons import compare_systems
from untilclick.rewriter.evaluation.harm import harms
from untilclick.rewriter.evaluation.results import Asked, NewNeeds, Results, SessionResults, write_results
from untilclick.rewriter.evaluation.session_measures import SessionsConfig, measure_sessions
from untilclick.rewriter.evaluation.statistics import RESAMPLES
from untilclick.rewriter.evaluation.system_names import BASELINE, ENGINE_ORDER, ORACLE
from untilclick.rewriter.evaluation.system_runs import SystemRun, in_engine_order, run_system, topic_rows
from untilclick.rewriter.evaluation.systems import System, Tuned, TypedTopic
from untilclick.rewriter.evaluation.typed_topics import simulated_user, typed_queries
from untilclick.rewriter.judging.needs import needs_of_topics, share_a_need
from untilclick.search.corpora.asked import ASKED, asked_questions
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.run_files import write_qrels, write_run
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

    SETTABLE: ClassVar[tuple[str, ...]] = (
        "max_topics", "resamples", "sessions", "oracle", "context", "more_baselines", "exact_titles",
    )  # fmt: skip
    """The fields that the table `evaluate` of a settings file may hold; commands have options for the others."""

    def __repr__(self) -> str:
        """The settings as text. `exact_titles` appears only if it is off: the keys of a demo's steps are hashes of
        this text, and a demo that was begun before there was the setting goes on."""
        names = [each.name for each in fields(self) if each.name != "exact_titles" or not self.exact_titles]
        return f"EvaluateConfig({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


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
    out if the documents are not encoded. Raises DataError for an unknown split or one without judged topics.
    """
    opened = opened or OpenedCollection.load(config.data, config.engine, config.seed)
    topics = _typed(opened, config, config.split)[: config.max_topics]
    systems = {**baselines(opened, config, topics, log), **trained(opened)}
    step_done = _step_counter(systems, config, progress, is_asked=_is_asked_beside(opened, config))
    results = evaluate_systems(opened.engine, topics, systems, config, step_done)
    fingerprint = opened.collection.corpus.fingerprint
    results = replace(
        results,
        settings={**(results.settings or {}), "corpus fingerprint": fingerprint},
        new_needs=_new_needs(opened, config, topics, results),
        asked=_asked(opened, config, systems, step_done),
        encoder=opened.encoded.encoder.card if opened.encoded else None,
    )
    if config.sessions:
        results = replace(results, sessions=_sessions(opened, topics, systems, config, step_done))
    return write_results(config.out, results)


def _asked(
    opened: OpenedCollection, config: EvaluateConfig, systems: Mapping[str, System], step_done: Callable[[], None]
) -> Asked | None:
    """Questions in people's words on the documents, with the same systems but the oracle; None if there are none."""
    if not _is_asked_beside(opened, config):
        return None
    questions = typed_queries(opened.collection, ASKED, config.seed)
    asked = {name: system for name, system in systems.items() if name != ORACLE}
    engine = opened.engine

    def titled(query: str) -> Sequence[str]:
        return engine.with_title(query) if config.exact_titles else ()

    return answer_questions(engine, questions, asked, AskedConfig(config.seed, config.resamples), titled, step_done)


def _is_asked_beside(opened: OpenedCollection, config: EvaluateConfig) -> bool:
    return config.split != ASKED and bool(asked_questions(opened.collection.corpus))


def _new_needs(
    opened: OpenedCollection, config: EvaluateConfig, topics: Sequence[TypedTopic], results: Results
) -> NewNeeds | None:
    """The figures of the topics that share no need with training topics; None if none or all of them do."""
    training = () if config.split == "train" else opened.collection.topics.get("train", ())
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
    configured = {name: str(value) for name, value in asdict(config).items() if name != "out"}
    return {**configured, **chosen}


def _step_counter(
    systems: Mapping[str, System], config: EvaluateConfig, progress: Progress | None, *, is_asked: bool
) -> Callable[[], None]:
    """A function to call when a system has searched, again when it has answered questions in people's words, and
    when it has served sessions."""
    total = len(systems) + (len(systems.keys() - {ORACLE}) if is_asked else 0)
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
    user = simulated_user(opened.collection, config.split, opened.index)
    serving = {name: system for name, system in systems.items() if name not in WITHOUT_SESSIONS}
    settings = SessionsConfig(config.sessions, config.seed, config.resamples, config.exact_titles)
    return measure_sessions(opened.engine, [typed.topic for typed in topics], user, serving, settings, step_done)


def _training_topics(opened: OpenedCollection, config: EvaluateConfig) -> list[TypedTopic]:
    """Topics for choosing parameters and for estimating; none if the collection has none, or if they are reported."""
    if config.split == "train" or not opened.collection.topics.get("train"):
        return []
    return _typed(opened, config, "train")


def _typed(opened: OpenedCollection, config: EvaluateConfig, split: str) -> list[TypedTopic]:
    """The typed topics of a split, without the session's earlier queries if systems shall not see them."""
    topics = typed_queries(opened.collection, split, config.seed, opened.index)
    return topics if config.context else [replace(typed, history=()) for typed in topics]
