"""A new version from the log, and whether it is better than the one that answers.

Training is that of `untilclick train`, on sessions of live visitors; a fifth of their needs is kept apart, of every
version, to judge by. The version is added to the service's folder in any case. It is activated through the service,
which tries it first, and only where the judgement is beyond chance.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout

from untilclick.app.loop.demo_memory import step_key
from untilclick.app.terminal.progress import Update, steps
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.config import BaseConfig, PolicyConfig, PPOConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.search.errors import DataError, UntilclickError
from untilclick.search.files.whole_files import whole_file
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session, Source
from untilclick.search.version import program_version

if TYPE_CHECKING:
    from untilclick.rewriter.evaluation.statistics import Comparison
    from untilclick.search.corpora.opened import OpenedCollection

MIN_CLICKED = 200
"""Sessions with a click from which on a log is learned from; fewer teach less than chance takes away."""
RENEWAL_FILE = "renewal.json"
BASE_KEY = "base.key"
"""File of the run folder that says what its base was made of."""
LOCK = ".renewal.lock"

ShowProgress = Callable[[str], AbstractContextManager[Update]]
"""Shows the progress of a step of this name while the block lasts."""
Backend = Literal["builtin", "trlx"]


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
    backend: Backend
    """Whose loop runs PPO."""
    clauses: int
    """Heaviest clauses of a rewrite that the service searches, and that versions are judged by."""


@dataclass(frozen=True)
class Renewal:
    """What came of it."""

    version: str
    stage: str
    """`ppo`, or `base` where the log holds too little."""
    note: str
    """Why it is a base all the same, where the log holds enough sessions; empty otherwise."""
    clicked_sessions: int
    """Learned from."""
    judged_sessions: int
    """With a click, kept to judge by."""
    champion: str | None
    """The version that answers; None is no rewriter."""
    comparison: Comparison | None
    """The new version with the champion, by need; None where it is the champion itself."""
    better: bool
    """Beyond chance."""
    worse: bool
    """Beyond chance."""


def renew(config: RenewalConfig, show: ShowProgress) -> Renewal:
    """Train, add the version to the folder, and judge it. Raises the UntilclickError of what is in the way, before
    anything is trained where that can be known."""
    if config.backend == "trlx":
        from untilclick.rewriter.stages.ppo_trlx import require_trlx

        require_trlx()
    store = ModelStore(config.models)
    champion = store.state.active
    if champion is not None:
        read_manifest(store.folder_of(champion))
    with _alone(config.out):
        return _renew(config, store, show)


def record(renewal: Renewal, out: Path, *, activated: bool) -> dict[str, object]:
    """Write what came of it into the run folder; returns what was written."""
    found = {**asdict(renewal), "activated": activated}
    with whole_file(out / RENEWAL_FILE) as file:
        json.dump(found, file, indent=1)
    return found


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """The run folder for one call at a time. Raises UntilclickError where another has it, or where it holds a run of
    other commands, which would be replaced."""
    out.mkdir(parents=True, exist_ok=True)
    if (out / "base").exists() and not (out / BASE_KEY).exists():
        raise UntilclickError(
            f"{out} holds a run that was not made by `untilclick renew`; give it a folder of its own"
        )
    try:
        with FileLock(out / LOCK, timeout=0):
            yield
    except Timeout:
        raise UntilclickError(f"Another renewal is using {out}; wait for it, or choose another --out") from None


def _renew(config: RenewalConfig, store: ModelStore, show: ShowProgress) -> Renewal:
    from untilclick.rewriter.evaluation.champion import is_better, is_worse, kept_for_judging
    from untilclick.search.corpora.opened import OpenedCollection

    with SessionLog.open(config.log, create=False) as log, show("Reading the log"):
        parted = kept_for_judging(log.sessions(config.source))
    opened = OpenedCollection.load(config.data, config.engine, config.seed)
    clicked = sum(not session.abandoned for session in parted.training)
    folder, note = _train_base(opened, config, show), ""
    if clicked >= MIN_CLICKED:
        try:
            folder = _train_on(opened, config, parted.training, show)
        except DataError as error:  # many sessions, and too few needs among them
            note = str(error)
    champion = store.state.active
    with show("Exporting"):
        stage, version = _add(opened, folder, store)
    with show("Judging"):
        found = None if version == champion else _judge(opened, config, (version, champion), parted.validation)
    judged = sum(not session.abandoned for session in parted.validation)
    better, worse = (found is not None and check(found) for check in (is_better, is_worse))
    return Renewal(version, stage, note, clicked, judged, champion, found, better, worse)


def _train_base(opened: OpenedCollection, config: RenewalConfig, show: ShowProgress) -> Path:
    """The base of these documents, settings and program, unless the run folder has it."""
    from untilclick.rewriter.language.prompts import PROMPT_VERSION
    from untilclick.rewriter.stages import base
    from untilclick.rewriter.stages.record import BASE, STAGE_FILE

    program = f"{program_version()} {PROMPT_VERSION}"
    key = step_key(opened.collection.corpus.fingerprint, program, (config.policy, config.base))
    kept, folder = config.out / BASE_KEY, config.out / BASE
    if not ((folder / STAGE_FILE).is_file() and kept.is_file() and kept.read_text(encoding="ascii") == key):
        with whole_file(kept) as file:
            file.write("unfinished")
        with show("Base") as update:
            base.main(base.BaseStage(_run(config), config.policy, config.base), opened, steps(update))
        with whole_file(kept) as file:
            file.write(key)
    return folder


def _run(config: RenewalConfig) -> RunConfig:
    return RunConfig(config.out, config.data, config.log, config.engine, config.seed)


def _train_on(
    opened: OpenedCollection, config: RenewalConfig, sessions: Sequence[Session], show: ShowProgress
) -> Path:
    from untilclick.rewriter.data.logged_queries import simulated_queries
    from untilclick.rewriter.stages import warm_start
    from untilclick.rewriter.stages.record import PPO

    topics = opened.collection.all_topics
    settings = config.ppo if simulated_queries(sessions, topics) else config.ppo_of_clicks
    with show("Warm start") as update:
        stage = warm_start.WarmStartStage(_run(config), config.warm_start)
        warm_start.main(stage, opened, sessions, steps(update))
    with show("PPO") as update:
        _train_ppo(opened, config, sessions, settings, update)
    return config.out / PPO


def _train_ppo(
    opened: OpenedCollection, config: RenewalConfig, sessions: Sequence[Session], settings: PPOConfig, update: Update
) -> None:
    from untilclick.rewriter.stages import ppo

    stage = ppo.PPOStage(_run(config), settings, resume=config.backend == "builtin")
    if config.backend == "builtin":
        ppo.main(stage, opened, sessions, steps(update))
        return
    from untilclick.rewriter.stages import ppo_trlx

    with redirect_stdout(sys.stderr):
        ppo_trlx.main(ppo_trlx.PPOTrlxStage.of(stage), opened, sessions)


def _add(opened: OpenedCollection, folder: Path, store: ModelStore) -> tuple[str, str]:
    """Export a stage into the folder of versions; returns its name and the version."""
    from untilclick.rewriter.stages import export
    from untilclick.rewriter.stages.record import read_stage

    with TemporaryDirectory() as made:
        bundle = export.main(export.ExportConfig(folder, Path(made) / "bundle"), opened)
        return read_stage(folder).stage, store.add(bundle)


def _judge(
    opened: OpenedCollection, config: RenewalConfig, versions: tuple[str, str | None], sessions: tuple[Session, ...]
) -> Comparison:
    import numpy as np

    from untilclick.rewriter.evaluation.champion import Contestant, judge
    from untilclick.rewriter.serving.runtime import open_bundle
    from untilclick.rewriter.training.held_out import held_out_queries

    store, engine = ModelStore(config.models), opened.engine
    challenger, champion = (
        Contestant(one or "as typed", None if one is None else open_bundle(store.folder_of(one), engine))
        for one in versions
    )
    rng = np.random.default_rng([config.seed, 3])
    return judge(engine, challenger, champion, held_out_queries(opened, sessions), config.clauses, rng)
