"""Train a version from the log, compare it with the active version, and activate it if it is better.

Training is that of `untilclick train`. A fifth of the information needs in the log is kept from the training of every
version, and the versions are compared on those. The new version is added to the service's folder in any case. It is
activated through the service, which tries it first, and only if it is better beyond chance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from untilclick.app.loop.renewal.config import RenewalConfig
from untilclick.app.loop.renewal.service_client import ServiceCallError, ServiceClient
from untilclick.app.loop.step_key import step_key
from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.app.loop.training import train_ppo
from untilclick.app.terminal.progress import Update, steps
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.data.log_sides import LogSides, split_by_need
from untilclick.rewriter.data.logged_queries import simulated_queries
from untilclick.rewriter.evaluation.champion import Contestant, is_better, is_worse, judge
from untilclick.rewriter.evaluation.statistics import Comparison
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.language.prompts import PROMPT_VERSION
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.serving.runtime import open_bundle
from untilclick.rewriter.stages import base, export, ppo, warm_start
from untilclick.rewriter.stages.ppo_trlx import require_trlx
from untilclick.rewriter.stages.record import BASE, PPO, STAGE_FILE, read_stage
from untilclick.rewriter.training.held_out import judged_queries
from untilclick.search.analysis.by_name import analysis_by_name
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines import open_engine
from untilclick.search.errors import DataError, UntilclickError
from untilclick.search.files.secret_files import SecretFileError
from untilclick.search.files.whole_files import whole_file
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session
from untilclick.search.version import program_version

MIN_CLICKED = 200
"""Minimum number of sessions with a click for training on the log. With fewer, the result is no better than
chance."""
RENEWAL_FILE = "renewal.json"
BASE_KEY = "base.key"
"""File of the run folder with the key of the documents, settings and program that its base was made of."""
LOCK = ".renewal.lock"
SPLIT_KEY = "split.key"
"""File of the folder of versions with the key that decides which needs judge all of them."""

ShowProgress = Callable[[str], AbstractContextManager[Update]]
"""Shows the progress of a step under its name until the block ends."""


@dataclass(frozen=True)
class Renewal:
    """A version, and how it compares with the active one. `renewal.json` holds these fields."""

    version: str
    stage: str
    """`ppo`, or `base` if the log holds too little to train on."""
    note: str
    """Why the stage is `base` although the log holds sessions enough; empty otherwise."""
    clicked_sessions: int
    """Sessions with a click that were trained on."""
    judged_sessions: int
    """Sessions with a click that were kept for the comparison."""
    champion: str | None
    """The active version; None: queries are searched as typed."""
    comparison: Comparison | None
    """The new version compared with the champion, by need; None if it is the champion."""
    better: bool
    """Whether it is better beyond chance."""
    worse: bool
    """Whether it is worse beyond chance."""


@dataclass(frozen=True)
class RenewalOutcome:
    """A renewal, and whether its version was activated."""

    renewal: Renewal
    activated: bool
    fault: UntilclickError | None
    """Why a better version was not activated; None otherwise."""

    @property
    def record(self) -> dict[str, object]:
        """The content of `renewal.json`."""
        return {**asdict(self.renewal), "activated": self.activated}


class OtherChampionError(UntilclickError):
    """The active version is no longer the one that the new version was compared with."""


def renew_and_activate(config: RenewalConfig, service: ServiceClient | None, show: ShowProgress) -> RenewalOutcome:
    """Make a version, activate it if it is better and a service is named, and write `renewal.json`.

    Raises as `renew` does; an activation that fails is returned as `fault`, with everything else recorded.
    """
    set_up_torch()
    renewal = renew(config, show)
    fault: UntilclickError | None = None
    if renewal.better and service is not None:
        try:  # another version may have been activated, or the key replaced, while this one was trained
            _check_champion(config.models, renewal.champion)
            service.activate(renewal.version)
        except (ServiceCallError, SecretFileError, OtherChampionError) as error:
            fault = error
    outcome = RenewalOutcome(renewal, renewal.better and service is not None and fault is None, fault)
    with whole_file(config.out / RENEWAL_FILE) as file:
        json.dump(outcome.record, file, indent=1)
    return outcome


def _check_champion(models: Path, champion: str | None) -> None:
    active = ModelStore(models).state.active
    if active != champion:
        raise OtherChampionError(
            f"{active or 'No version'} is active now, but the new version was compared with "
            f"{champion or 'the query as typed'}: it was not activated. Renew again, or activate it yourself"
        )


def renew(config: RenewalConfig, show: ShowProgress) -> Renewal:
    """Train a version, add it to the folder of versions, and compare it with the active one.

    Raises UntilclickError for whatever prevents this; before any training if it can be known by then.
    """
    if config.backend == "trlx":
        require_trlx()
    store = ModelStore(config.models)
    champion = store.state.active
    if champion is not None:
        read_manifest(store.folder_of(champion))
    with _locked(config.out):
        return _renew(config, store, show)


@contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Own the run folder until the block ends.

    Raises UntilclickError if another renewal owns it, or if it holds a run of `untilclick train` or `untilclick
    demo`, which a renewal would replace.
    """
    out.mkdir(parents=True, exist_ok=True)
    if (out / BASE).exists() and not (out / BASE_KEY).exists():
        raise UntilclickError(
            f"{out} holds a run that was not made by `untilclick renew`; give it a folder of its own"
        )
    try:
        with FileLock(out / LOCK, timeout=0):
            yield
    except Timeout:
        raise UntilclickError(f"Another renewal is using {out}; wait for it, or choose another --out") from None


def _renew(config: RenewalConfig, store: ModelStore, show: ShowProgress) -> Renewal:
    with SessionLog.open(config.log, create=False) as log, show("Reading the log"):
        sessions = tuple(log.sessions(config.source))
    analysis = _analysis_of(store, store.state.active) if config.analysis == "active" else None
    opened = OpenedCollection.load(
        config.data, config.engine, config.seed, analysis=analysis, language=config.language
    )
    topics, key = opened.collection.all_topics, SplitKey.of_file(config.models / SPLIT_KEY)
    sides = split_by_need(sessions, topics, opened.analysis, key)
    folder, note = _train_base(opened, config, show), ""
    clicked = _clicked(sides.training + sides.validation)
    if clicked >= MIN_CLICKED:
        try:
            folder = _train_on(opened, config, sides, show)
        except DataError as error:  # sessions enough, but of too few needs
            note = str(error)
    champion = store.state.active
    with show("Exporting"):
        added = _add(opened, folder, store)
    comparison = None
    with show("Comparing"):
        if added.version != champion:
            contestants = _contestant(store, added.version, opened), _contestant(store, champion, opened)
            queries = judged_queries(opened, sides)
            rng = np.random.default_rng([config.seed, 3])
            comparison = judge(*contestants, queries, config.clauses, rng)
    better, worse = (comparison is not None and check(comparison) for check in (is_better, is_worse))
    return Renewal(
        added.version, added.stage, note, clicked, _clicked(sides.judged), champion, comparison, better, worse
    )


def _analysis_of(store: ModelStore, version: str | None) -> str | None:
    """Name of the analysis of a version; None without one."""
    return None if version is None else read_manifest(store.folder_of(version), verify=False).analysis


def _clicked(sessions: Sequence[Session]) -> int:
    """Number of the sessions with a click."""
    return sum(not session.abandoned for session in sessions)


def _train_base(opened: OpenedCollection, config: RenewalConfig, show: ShowProgress) -> Path:
    """The base for these documents, settings and program; trained only if the run folder holds another."""
    program = f"{program_version()} {PROMPT_VERSION}"
    key = step_key(opened.collection.corpus.fingerprint, program, (config.policy, config.base, opened.analysis.name))
    key_file, folder = config.out / BASE_KEY, config.out / BASE
    if not ((folder / STAGE_FILE).is_file() and key_file.is_file() and key_file.read_text(encoding="ascii") == key):
        with whole_file(key_file) as file:
            file.write("unfinished")
        with show("Base") as update:
            base.main(base.BaseStage(config.run, config.policy, config.base), opened, steps(update))
        with whole_file(key_file) as file:
            file.write(key)
    return folder


def _train_on(opened: OpenedCollection, config: RenewalConfig, sides: LogSides, show: ShowProgress) -> Path:
    """Train warm start and PPO on a log; returns the folder of PPO."""
    topics = opened.collection.all_topics
    settings = config.ppo if simulated_queries(sides.training, topics) else config.ppo_of_clicks
    with show("Warm start") as update:
        stage = warm_start.WarmStartStage(config.run, config.warm_start)
        warm_start.main(stage, opened, sides, steps(update))
    with show("PPO") as update:
        ppo_stage = ppo.PPOStage(config.run, settings, resume=config.backend == "builtin")
        train_ppo(ppo_stage, config.backend, opened, sides, steps(update))
    return config.out / PPO


class _AddedVersion(NamedTuple):
    """A version in the folder of versions, and the stage that it was exported from."""

    stage: str
    version: str


def _add(opened: OpenedCollection, folder: Path, store: ModelStore) -> _AddedVersion:
    """Export a stage into the folder of versions."""
    with TemporaryDirectory() as temporary:
        bundle = export.main(export.ExportConfig(folder, Path(temporary) / "bundle"), opened)
        return _AddedVersion(read_stage(folder).stage, store.add(bundle))


def _contestant(store: ModelStore, version: str | None, opened: OpenedCollection) -> Contestant:
    """A version opened for the comparison, with an engine of its own analysis; None is the query as typed."""
    if version is None:
        return Contestant("as typed", None, opened.engine)
    analysis = _analysis_of(store, version)
    if analysis is None or analysis == opened.analysis.name:
        engine = opened.engine
    else:
        corpus = opened.collection.corpus
        engine = open_engine(opened.engine_name, corpus, analysis=analysis_by_name(analysis))
    return Contestant(version, open_bundle(store.folder_of(version), engine), engine)
