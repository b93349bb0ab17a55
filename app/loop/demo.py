"""The whole loop on one collection: sessions until a click, base, warm start, PPO, evaluation, bundle.

    DIR/index/       the engine's index          DIR/ppo.log/      metrics of PPO
    DIR/log.db       simulated, later live       DIR/evaluation/   results.json, runs, report.html
    DIR/base/ DIR/warm_start/ DIR/ppo/           DIR/bundle/       what is served
    DIR/demo.json    what is finished, see `untilclick.app.loop.demo_memory`

Every step is done once: the same call goes on where an earlier one was stopped. Starting the service is the command
line's part.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from untilclick.app.loop.demo_ground import DemoCollections, open_collections
from untilclick.app.loop.demo_memory import DemoMemory, StepRecord, step_key
from untilclick.app.loop.evaluation import Evaluated, evaluate, read_evaluated
from untilclick.app.loop.simulation import SimulationConfig, fill_log
from untilclick.app.loop.trained_systems import TrainedSystems
from untilclick.app.terminal.progress import Update, steps
from untilclick.app.terminal.terminal import counted
from untilclick.rewriter.config import BaseConfig, PolicyConfig, PPOConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
from untilclick.rewriter.evaluation.results import Results
from untilclick.rewriter.evaluation.verdict import FEW_TOPICS
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session
from untilclick.search.text.synonyms import note_on_synonyms
from untilclick.search.version import program_version

LOG_FILE, INDEX, EVALUATION, BUNDLE = "log.db", "index", "evaluation", "bundle"
EXAMPLES = 3


@dataclass(frozen=True)
class DemoConfig:
    """What the demo does, and with which settings."""

    data: str = "stdlib"
    """Source of the documents."""
    out: Path = Path("runs/stdlib")
    """Folder of everything that it writes."""
    engine: str = "tantivy"
    """Engine by name."""
    seed: int = 0
    """Decides everything that is drawn."""
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    base: BaseConfig = field(default_factory=BaseConfig)
    warm_start: WarmStartConfig = field(default_factory=WarmStartConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    """Data, engine, seed, split and folder are taken from above and from the collection."""


class View(Protocol):
    """Whom the demo tells what it does."""

    def progress(self, label: str) -> AbstractContextManager[Update]:
        """Show the progress of a step while the block lasts."""

    def step(self, number: int, total: int, title: str, record: StepRecord, *, fresh: bool) -> None:
        """A step is finished: now, or (not `fresh`) in an earlier call."""

    def note(self, text: str) -> None:
        """Something worth knowing."""


@dataclass(frozen=True)
class DemoOutcome:
    """Where everything is."""

    config: DemoConfig
    evaluated: Evaluated
    log: Path
    bundle: Path
    index: Path
    examples: tuple[str, ...]
    """Held-out queries as typed, to try."""


@dataclass(frozen=True)
class _Step:
    name: str
    title: str
    settings: object
    artefact: Path
    run: Callable[[Update], str]
    """Does the work; says in one line what was done."""
    clear: Callable[[], None]
    """Puts away what another call left with other settings."""


def run_demo(config: DemoConfig, view: View) -> DemoOutcome:
    """Do what is not done yet. Raises UntilclickError for what the user can mend; may be interrupted anywhere."""
    started = time.perf_counter()
    with view.progress("Reading documents"):
        collections = open_collections(config.data, config.engine, config.seed, config.out / INDEX)
        config.out.mkdir(parents=True, exist_ok=True)
    planned = _Demo(config, collections).steps()
    corpus = collections.training.collection.corpus
    documents = counted(len(corpus.documents), "document", "documents")
    line = f"{documents} of {config.data}, searched by {collections.training.engine.name}"
    view.step(1, len(planned) + 1, "Documents", StepRecord("", True, line, time.perf_counter() - started), fresh=True)
    for note in filter(None, (*collections.notes, _note_on_few(collections), note_on_synonyms())):
        view.note(note)
    origin = step_key(corpus.fingerprint, program_version(), (config.engine, config.seed))
    _run_steps(planned, DemoMemory(config.out), origin, view)
    evaluated = read_evaluated(config.out / EVALUATION)
    log, bundle, index = (config.out / name for name in (LOG_FILE, BUNDLE, INDEX))
    return DemoOutcome(config, evaluated, log, bundle, index, example_queries(evaluated.results))


def _note_on_few(collections: DemoCollections) -> str:
    """What to say before one waits for figures that say little; empty where there are topics enough."""
    n = len(collections.held_out.collection.topics[collections.split])
    if n >= FEW_TOPICS:
        return ""
    topics = counted(n, "topic", "topics")
    return f"Only {topics} held out to evaluate on: the figures will say little. More documents give more."


def _run_steps(planned: Sequence[_Step], memory: DemoMemory, key: str, view: View) -> None:
    total = len(planned) + 1
    for i, step in enumerate(planned):
        key = step_key(key, step.name, step.settings)
        record = memory.begun(step.name, key)
        if record is not None and record.finished and step.artefact.exists():
            view.step(i + 2, total, step.title, record, fresh=False)
            continue
        if record is None:
            for later in planned[i:]:
                later.clear()
        memory.keep(step.name, StepRecord(key, finished=False))
        started = time.perf_counter()
        with view.progress(step.title) as update:
            line = step.run(update)
        record = StepRecord(key, True, line, round(time.perf_counter() - started, 2))
        memory.keep(step.name, record)
        view.step(i + 2, total, step.title, record, fresh=True)


class _Demo:
    """The steps after the documents, over one collection."""

    def __init__(self, config: DemoConfig, collections: DemoCollections) -> None:
        self._config, self._collections, self._out = config, collections, config.out
        self._run = RunConfig(config.out, config.data, str(config.out / LOG_FILE), config.engine, config.seed)

    def steps(self) -> list[_Step]:
        """In order; each needs those before it."""
        config, out = self._config, self._out
        evaluation = replace(
            config.evaluate,
            data=config.data,
            split=self._collections.split,
            engine=config.engine,
            out=out / EVALUATION,
            seed=config.seed,
        )
        simulated = (config.simulation, self._collections.notes)
        return [
            self._step("sessions", "Search sessions", simulated, LOG_FILE, self._simulate),
            self._step("base", "Base model", (config.policy, config.base), "base", self._train_base),
            self._step("warm_start", "Warm start", config.warm_start, "warm_start", self._train_warm_start),
            self._step("ppo", "PPO", config.ppo, "ppo", self._train_ppo),
            self._step(
                "evaluation", "Evaluation", replace(evaluation, out=Path()), EVALUATION,
                lambda update: self._evaluate(evaluation, update),
            ),
            self._step("bundle", "Bundle", None, BUNDLE, self._export),
        ]  # fmt: skip

    def _step(self, name: str, title: str, settings: object, artefact: str, run: Callable[[Update], str]) -> _Step:
        path = self._out / artefact
        clear = self._set_log_aside if artefact == LOG_FILE else lambda: self._remove(name, path)
        return _Step(name, title, settings, path, run, clear)

    def _remove(self, name: str, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)
        if name == "ppo":
            from untilclick.rewriter.stages.record import drop_checkpoint

            drop_checkpoint(self._out)

    def _set_log_aside(self) -> None:
        """Sessions of other settings must not be trained on; live ones may be among them, so nothing is deleted."""
        log = self._out / LOG_FILE
        if not log.exists():
            return
        name = f"log-until-{time.strftime('%Y%m%d-%H%M%S')}.db"
        for suffix in ("", "-wal", "-shm", ".spool"):
            part = log.with_name(log.name + suffix)
            if part.exists():
                part.rename(log.with_name(name + suffix))

    def _simulate(self, update: Update) -> str:
        opened = self._collections.training
        with SessionLog.open(str(self._out / LOG_FILE)) as log:
            fill_log(log, opened.collection, opened.engine, self._config.simulation, update, opened.index)
            figures = log.stats("simulated").total
        first = 100 * (figures.first_query_click_share or 0.0)
        return f"{figures.sessions:,} simulated; first query clicked: {first:.0f} %"

    def _train_base(self, update: Update) -> str:
        from untilclick.rewriter.stages import base
        from untilclick.rewriter.stages.record import read_stage

        stage = base.BaseStage(self._run, self._config.policy, self._config.base)
        folder = base.main(stage, self._collections.training, steps(update))
        return f"{read_stage(folder).figures['vocabulary']:,.0f} words, learned from the documents alone"

    def _train_warm_start(self, update: Update) -> str:
        from untilclick.rewriter.stages import warm_start
        from untilclick.rewriter.stages.record import read_stage

        stage = warm_start.WarmStartStage(self._run, self._config.warm_start)
        with self._simulated() as sessions:
            folder = warm_start.main(stage, self._collections.training, sessions, steps(update))
        figures = read_stage(folder).figures
        return f"{counted(figures['examples'], 'query', 'queries')} paired with what was clicked"

    def _train_ppo(self, update: Update) -> str:
        from untilclick.rewriter.stages import ppo
        from untilclick.rewriter.stages.record import read_stage

        with self._simulated() as sessions:
            stage = ppo.PPOStage(self._run, self._config.ppo)
            folder = ppo.main(stage, self._collections.training, sessions, steps(update))
        figures = read_stage(folder).figures
        rollouts = counted(figures["rollouts"], "rewrite", "rewrites")
        return f"{rollouts} tried on {counted(figures['queries'], 'query', 'queries')}"

    def _evaluate(self, config: EvaluateConfig, update: Update) -> str:
        settings = {"sessions trained on": str(self._config.simulation.sessions)}
        systems = TrainedSystems.of(self._out)
        evaluated = evaluate(config, systems, self._collections.held_out, settings=settings, progress=update)
        results = evaluated.results
        topics = counted(results.n_topics, "held-out topic", "held-out topics")
        return f"{topics} ({results.split}), {len(results.figures)} systems"

    def _export(self, _update: Update) -> str:
        from untilclick.rewriter.serving.bundle import read_manifest
        from untilclick.rewriter.stages import export

        bundle = export.main(export.ExportConfig(self._out / "ppo", self._out / BUNDLE), self._collections.training)
        size = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
        return f"version {read_manifest(bundle).version}, {size / 2**20:.1f} MiB, needs no torch"

    @contextmanager
    def _simulated(self) -> Iterator[Iterable[Session]]:
        """The simulated sessions of the log; live ones may be among them."""
        with SessionLog.open(str(self._out / LOG_FILE), create=False) as log:
            yield log.sessions("simulated")


def example_queries(results: Results) -> tuple[str, ...]:
    """The first held-out queries, as typed, that the last trained system rewrites with a gain; filled up with the
    first of all where they are too few."""
    subject = "ppo" if "ppo" in results.figures else "bm25"

    helped = [
        row.typed
        for row in results.topics
        if row.outcomes[subject].applied
        and row.outcomes[subject].values["nDCG@10"] > row.outcomes["bm25"].values["nDCG@10"]
    ]
    return tuple(dict.fromkeys([*helped, *(row.typed for row in results.topics)]))[:EXAMPLES]
