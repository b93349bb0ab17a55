"""A new version from the log, and whether it is better than the one that answers.

Training is that of `untilclick train`, on sessions of live visitors; a fifth of their needs is kept apart, of every
version, to judge by. The version is added to the service's folder in any case. It is activated through the service,
which tries it first, and only where the judgement is beyond chance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from app.model_store import ModelStore
from app.progress import Update, steps
from rewriter.config import BaseConfig, PolicyConfig, PPOConfig, WarmStartConfig
from search.records import Session, Source
from search.session_log import SessionLog
from search.whole_files import whole_file

if TYPE_CHECKING:
    from rewriter.stage_record import StageRecord
    from rewriter.statistics import Comparison
    from rewriter.workbench import Workbench

MIN_CLICKED = 200
"""Sessions with a click from which on a log is learned from; fewer teach less than chance takes away."""
RENEWAL_FILE = "renewal.json"

Stage = Callable[[str], AbstractContextManager[Update]]
"""Shows the progress of a step of this name while the block lasts."""
TrainPPO = Callable[["Workbench", Path, Sequence[Session], PPOConfig, Update], None]
"""PPO in one backend: collection, run folder, sessions, settings, progress."""


@dataclass(frozen=True)
class RenewalConfig:
    """What a version is made from."""

    data: str
    log: str
    models: Path
    """The service's folder of versions."""
    out: Path
    """Run folder; its base is used again while the documents are the same."""
    engine: str
    seed: int
    source: Source | None
    """Whose sessions count; None for all."""
    policy: PolicyConfig
    base: BaseConfig
    warm_start: WarmStartConfig
    ppo: PPOConfig
    """For logs whose sessions name topics."""
    ppo_of_clicks: PPOConfig
    """For all others."""


@dataclass(frozen=True)
class Renewal:
    """What came of it."""

    version: str
    stage: str
    """`ppo`, or `base` where the log holds too little."""
    clicked_sessions: int
    """Learned from."""
    judged_sessions: int
    """Kept to judge by."""
    rival: str | None
    """The version that answers; None is no rewriter."""
    comparison: Comparison | None
    """The new version with the rival; None where it is the rival itself."""
    better: bool
    """Beyond chance."""


def renew(config: RenewalConfig, show: Stage, train_ppo: TrainPPO) -> Renewal:
    """Train, add the version to the folder, and judge it. Raises the UntilclickError of what is in the way."""
    from rewriter.judging import is_better, kept_for_judging
    from rewriter.workbench import Workbench

    with SessionLog.open(config.log, create=False) as log, show("Reading the log"):
        parted = kept_for_judging(log.sessions(config.source))
    bench = Workbench.open(config.data, config.engine, config.seed)
    clicked = sum(not session.abandoned for session in parted.training)
    folder = _train_base(bench, config, show)
    if clicked >= MIN_CLICKED:
        folder = _train_on(bench, config, parted.training, show, train_ppo)
    store = ModelStore(config.models)
    rival = store.state.active
    with show("Exporting"):
        record, version = _add(bench, folder, store)
    with show("Judging"):
        found = None if version == rival else _judge(bench, config, (version, rival), parted.validation)
    better = found is not None and is_better(found)
    renewal = Renewal(version, record.stage, clicked, len(parted.validation), rival, found, better)
    with whole_file(config.out / RENEWAL_FILE) as file:
        json.dump(asdict(renewal), file, indent=1)
    return renewal


def _train_base(bench: Workbench, config: RenewalConfig, show: Stage) -> Path:
    """The base of these documents and settings, unless the run folder has it."""
    from rewriter.stage_record import BASE, read_stage
    from rewriter.stages import run_base
    from search.errors import ModelError

    try:
        record = read_stage(config.out / BASE)
        known = record.fingerprint == bench.collection.corpus.fingerprint
        known = known and dict(record.config) == json.loads(json.dumps(asdict(config.base)))
    except ModelError:
        known = False
    if not known:
        with show("Base") as update:
            run_base(bench, config.out, config.policy, config.base, steps(update))
    return config.out / BASE


def _train_on(
    bench: Workbench, config: RenewalConfig, sessions: Sequence[Session], show: Stage, train_ppo: TrainPPO
) -> Path:
    from rewriter.stage_record import PPO
    from rewriter.stages import run_warm_start
    from rewriter.training_data import simulated_queries

    topics = [topic for split in bench.collection.topics.values() for topic in split]
    ppo = config.ppo if simulated_queries(sessions, topics) else config.ppo_of_clicks
    with show("Warm start") as update:
        run_warm_start(bench, config.out, sessions, config.warm_start, steps(update))
    with show("PPO") as update:
        train_ppo(bench, config.out, sessions, ppo, update)
    return config.out / PPO


def _add(bench: Workbench, folder: Path, store: ModelStore) -> tuple[StageRecord, str]:
    """Export a stage into the folder of versions; returns its record and its version."""
    from rewriter import export
    from rewriter.stage_record import read_stage

    with TemporaryDirectory() as made:
        bundle = export.main(export.ExportConfig(folder, Path(made) / "bundle"), bench.spelling)
        return read_stage(folder), store.add(bundle)


def _judge(
    bench: Workbench, config: RenewalConfig, rivals: tuple[str, str | None], sessions: tuple[Session, ...]
) -> Comparison:
    import numpy as np

    from rewriter.held_out import held_out_queries
    from rewriter.judging import judge
    from rewriter.runtime import open_bundle
    from search.engines import open_engine

    store, (new, old) = ModelStore(config.models), rivals
    engine = open_engine(config.engine, bench.collection.corpus)
    challenger = open_bundle(store.folder_of(new), engine)
    champion = None if old is None else open_bundle(store.folder_of(old), engine)
    queries = held_out_queries(bench, sessions)
    named = ((new, challenger), (old or "as typed", champion))
    return judge(engine, named, queries, np.random.default_rng([config.seed, 3]))
