"""A draw of `bench_small_logs`: train on a small log as the program does, ask the gate, and judge by other needs."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.app.settings.commands import CommandSettings
from untilclick.rewriter.config import BaseConfig, PolicyConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.data.log_sides import split_by_need
from untilclick.rewriter.evaluation.baselines.simple import Bm25
from untilclick.rewriter.evaluation.systems import RewriterSystem, TypedTopic
from untilclick.rewriter.judging.evidence import Finding
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.proof import final
from untilclick.rewriter.proof.final import FinalStage
from untilclick.rewriter.proof.retraining import judged_stage
from untilclick.rewriter.rewrite import Rewriter
from untilclick.rewriter.serving.blend import BlendSettings, cold_starts
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.scope import Scope
from untilclick.rewriter.serving.scoped import ScopedRewriter
from untilclick.rewriter.stages import base, ppo, warm_start
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.rewriter.stages.record import BASE, FINAL, PPO, STAGE_FILE, WARM_START, Proof, read_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError
from untilclick.search.files.whole_files import write_whole
from untilclick.search.measures.metrics import DEPTH, evaluate_rankings
from untilclick.search.records import Session

from benchmarks.small_log_ground import SEED_STRIDE, Draw, Ground, GroundConfig

MEASURE = "nDCG@10"
TYPED, UNTRAINED, FORCED, CAUTIOUS, GATED = "typed", "untrained", "forced", "cautious", "gated"
"""The query as typed; the base in the blend of a cold start; what was learned, in its own blend; the same in the
blend of a cold start; what the gate lets through."""
CLAUSES = 512
"""Heaviest clauses of a rewritten query that are searched, as in the service."""


@dataclass(frozen=True)
class Job:
    """A draw to be run."""

    ground: GroundConfig
    size: int
    """Needs of the log."""
    seed: int
    """Seed of base, sessions and training."""
    draw: int
    """Number of the draw; it decides the needs and, with the seed, the sides of the log."""
    out: Path
    """Folder of the ground, with the bases and the finished draws."""
    overrides: tuple[str, ...] = ()
    """Settings, `TABLE.NAME=VALUE` each."""

    @property
    def outcome_path(self) -> Path:
        """File of the finished draw."""
        return self.out / f"needs-{self.size}-seed-{self.seed}-draw-{self.draw}.json"

    @property
    def base(self) -> Path:
        """Run folder with the base of the seed."""
        return self.out / f"base-{self.seed}"


@dataclass(frozen=True)
class Outcome:
    """What a draw gave."""

    size: int
    seed: int
    draw: int
    n_topics: int
    """Topics of the log."""
    n_sessions: int
    use: str
    """What the gate lets through."""
    said: str
    """Why, or why nothing was learned."""
    best: Mapping[str, float]
    """Stage -> its best epoch or round."""
    deciding: Finding | None
    """The comparison with the untrained rewriter that the gate reads; None if nothing was learned."""
    query_ids: tuple[str, ...]
    """The queries that judge."""
    needs: tuple[int, ...]
    """The need of each."""
    apart: tuple[bool, ...]
    """Whether each shares no need with the log."""
    values: Mapping[str, tuple[float, ...]]
    """System -> the measure on each query."""
    training_seconds: float
    """Of processor time, without the base; a machine that others use changes it little."""
    proof_seconds: float
    """The same, for the judgement, its folds and the refit."""

    @property
    def taken(self) -> bool:
        """Whether anything learned answers."""
        return self.use in (Use.LEARNED, Use.RETURNING, Use.WORDS)


@dataclass(frozen=True)
class _Trained:
    """A run folder after training and proof."""

    proof: Proof | None
    """None if nothing was learned."""
    note: str
    """Why nothing was learned."""
    training_seconds: float
    proof_seconds: float


@cache
def opened_ground(config: GroundConfig) -> Ground:
    """The ground, opened once in a process."""
    return Ground.open(config)


def train_base(job: Job) -> None:
    """Train the base of the job's seed, unless it is there."""
    set_up_torch()
    if (job.base / BASE / STAGE_FILE).is_file():
        return
    settings = CommandSettings.of(job.overrides, {}, None)
    policy = settings.stage(PolicyConfig, "policy", seed=job.seed)
    training = settings.stage(BaseConfig, "base", seed=job.seed)
    run = RunConfig(job.base, job.ground.data, seed=job.seed)
    base.main(base.BaseStage(run, policy, training), opened_ground(job.ground).opened)


def run_draw(job: Job) -> Outcome:
    """Run a draw whose base is there, and write its outcome. The run folder is removed."""
    set_up_torch()
    ground = opened_ground(job.ground)
    draw = ground.draw(job.size, job.draw)
    sessions = list(ground.log(draw, job.seed, job.draw))
    opened = ground.collection_of(draw.topics)
    run = _new_run(job)
    trained = _train(job, run, opened, sessions)
    proof = trained.proof
    outcome = Outcome(
        size=job.size,
        seed=job.seed,
        draw=job.draw,
        n_topics=len(draw.topics),
        n_sessions=len(sessions),
        use=proof.use if proof else Use.UNTRAINED,
        said=proof.admission.reason if proof else trained.note,
        best=_best(run.out),
        deciding=proof.evidence.untrained if proof else None,
        query_ids=tuple(typed.topic.topic_id for typed in draw.judged),
        needs=tuple(draw.needs.tolist()),
        apart=tuple(draw.apart.tolist()),
        values=_values(run.out, opened, draw, proof.use if proof else Use.UNTRAINED),
        training_seconds=trained.training_seconds,
        proof_seconds=trained.proof_seconds,
    )
    write_whole(job.outcome_path, json.dumps(asdict(outcome)))
    shutil.rmtree(run.out)
    return outcome


def read_outcome(path: Path) -> Outcome:
    """A finished draw."""
    record = json.loads(path.read_text(encoding="utf-8"))
    deciding = record["deciding"]
    lists = {name: tuple(record[name]) for name in ("query_ids", "needs", "apart")}
    values = {name: tuple(of_system) for name, of_system in record["values"].items()}
    return Outcome(**{**record, **lists, "values": values, "deciding": Finding(**deciding) if deciding else None})


def _new_run(job: Job) -> RunConfig:
    """A run folder with the base of the seed. The key of the sides is another for each draw and seed."""
    folder = job.outcome_path.with_suffix(".run")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / BASE).symlink_to((job.base / BASE).resolve())
    key = SplitKey.of_seed(SEED_STRIDE * job.seed + job.draw)
    return RunConfig(folder, job.ground.data, seed=job.seed, split_key=key)


def _train(job: Job, run: RunConfig, opened: OpenedCollection, sessions: Sequence[Session]) -> _Trained:
    """Train all stages and ask the gate, as `renew` does without a version before."""
    settings = CommandSettings.of(job.overrides, {}, None)
    reward = {} if job.ground.names_topics else {"reward": "hindsight"}
    start = time.process_time()
    proof, note, trained = None, "", start
    try:
        sides = split_by_need(sessions, opened.collection.topics, opened.analysis, run.split_key)
        of_warm_start = settings.stage(WarmStartConfig, "warm_start", seed=job.seed)
        warm_start.main(warm_start.WarmStartStage(run, of_warm_start), opened, sides)
        of_ppo = settings.stage(PPOConfig, "ppo", seed=job.seed, **reward)
        ppo.main(ppo.PPOStage(run, of_ppo, resume=False), opened, sides)
        trained = time.process_time()
        proof = read_stage(final.main(FinalStage(run), opened, sides)).proof
    except DataError as error:
        note = str(error)
    end = time.process_time()
    return _Trained(proof, note, (end if note else trained) - start, 0.0 if note else end - trained)


def _best(run: Path) -> dict[str, float]:
    names = {WARM_START: "best_epoch", PPO: "best_round"}
    stages = {stage: run / stage for stage in names if (run / stage / STAGE_FILE).is_file()}
    return {stage: read_stage(folder).figures[names[stage]] for stage, folder in stages.items()}


def _values(run: Path, opened: OpenedCollection, draw: Draw, use: str) -> dict[str, tuple[float, ...]]:
    """The measure of every system on each query that judges."""

    def rewriter(folder: Path, blend: BlendSettings | None = None) -> Rewriter:
        return stage_rewriter(folder, opened, blend)

    cold = cold_starts(encoded=opened.encoded is not None)["balanced"]
    untrained = rewriter(run / BASE)
    learned = judged_stage(run) if (run / WARM_START / STAGE_FILE).is_file() else run / BASE
    systems: dict[str, Rewriter | None] = {
        TYPED: None,
        UNTRAINED: untrained,
        FORCED: rewriter(learned),
        CAUTIOUS: rewriter(learned, replace(cold, recall="policy")),
    }
    values = {name: _measured(system, opened, draw.judged) for name, system in systems.items()}
    if use == Use.UNTRAINED:
        gated = values[UNTRAINED]
    elif use == Use.NOTHING:
        gated = values[TYPED]
    elif Use(use).is_scoped:
        scope = Scope.load(run / FINAL, opened.analysis)
        gated = _measured(ScopedRewriter(rewriter(run / FINAL), untrained, scope), opened, draw.judged)
    else:
        gated = _measured(rewriter(run / FINAL), opened, draw.judged)
    return {**values, GATED: gated}


def _measured(rewriter: Rewriter | None, opened: OpenedCollection, topics: Sequence[TypedTopic]) -> tuple[float, ...]:
    """The measure on each query as the service answers it; None for `rewriter` searches the query as typed."""
    engine = opened.engine
    queries = (Bm25() if rewriter is None else RewriterSystem(rewriter))(topics)
    titled = [engine.with_title(typed.query) for typed in topics]
    ranked = rank(engine, queries, DEPTH, titled=titled, clauses=CLAUSES)
    scores = evaluate_rankings([typed.topic for typed in topics], [each.shown for each in ranked], (MEASURE,))
    return tuple(np.asarray(scores.values[MEASURE], dtype=np.float64).tolist())
