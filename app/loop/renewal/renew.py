"""Train a version from the log, judge it, and activate what the gate lets through.

Training is that of `untilclick train`. Some information needs of the log are kept from the training of every version,
and versions are compared on those, see `docs/judging.md`. What passes is added to the service's folder of versions,
and activated through the service, which tries it first.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from filelock import FileLock, Timeout

from untilclick.app.loop.renewal.champion import Champion
from untilclick.app.loop.renewal.config import RenewalConfig
from untilclick.app.loop.renewal.service_client import ServiceCallError, ServiceClient
from untilclick.app.loop.renewal.simulated import SimulatedRecord, train_candidate
from untilclick.app.loop.renewal.training import BASE_KEY, train_base
from untilclick.app.loop.torch_setup import set_up_torch
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.log_sides import split_by_need
from untilclick.rewriter.data.show import ShowProgress
from untilclick.rewriter.judging.evidence import UNTRAINED, Evidence
from untilclick.rewriter.judging.gate import Admission, Use, admitted_untrained
from untilclick.rewriter.proof import final
from untilclick.rewriter.proof.bundle import export_run
from untilclick.rewriter.proof.contest import JudgingConfig, contest, contestant
from untilclick.rewriter.proof.final import FinalStage
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.rewriter.stages.export import ExportConfig
from untilclick.rewriter.stages.ppo_trlx import require_trlx
from untilclick.rewriter.stages.record import BASE, read_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError, UntilclickError
from untilclick.search.files.secret_files import SecretFileError
from untilclick.search.files.whole_files import whole_file
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session

MIN_CLICKED = 200
"""Minimum number of sessions with a click, of all sides of the log, for training on it. With fewer, the result is no
better than chance."""
_log = logging.getLogger(__name__)

RENEWAL_FILE = "renewal.json"
LOCK = ".renewal.lock"


@dataclass(frozen=True)
class Renewal:
    """What was trained, what is known of it, and what is to answer from now on. `renewal.json` holds these fields."""

    version: str | None
    """The version that is to answer: a new one, or the champion."""
    champion: str | None
    """The version that answered; None: queries were searched as typed."""
    admission: Admission
    """What of the new version may answer, and why."""
    evidence: Evidence | None
    """What held-out needs say of what was learned; None if the log holds too little to learn from."""
    note: str
    """Why nothing was learned from the log; empty otherwise."""
    clicked_sessions: int
    """Sessions with a click that were trained on or chosen by."""
    judged_sessions: int
    """Sessions with a click that were kept for the judgement."""
    simulated_sessions: SimulatedRecord | None = None
    """What became of simulated sessions beside them; None if none were asked for, or nothing was learned."""

    @property
    def is_new(self) -> bool:
        """Whether another version is to answer than before."""
        return self.version not in (None, self.champion)


@dataclass(frozen=True)
class RenewalOutcome:
    """A renewal, and whether its version was activated."""

    renewal: Renewal
    activated: bool
    fault: UntilclickError | None
    """Why a new version was not activated; None otherwise."""

    @property
    def record(self) -> dict[str, object]:
        """The content of `renewal.json`."""
        return {**asdict(self.renewal), "is_new": self.renewal.is_new, "activated": self.activated}


class OtherChampionError(UntilclickError):
    """The active version is no longer the one that the new version was compared with."""


def renew_and_activate(config: RenewalConfig, service: ServiceClient | None, show: ShowProgress) -> RenewalOutcome:
    """Make a version, activate it if the gate lets it through and a service is named, and write `renewal.json`.

    Raises as `renew` does; an activation that fails is returned as `fault`, with everything else recorded.
    """
    set_up_torch()
    renewal = renew(config, show)
    fault: UntilclickError | None = None
    if renewal.version is not None and renewal.is_new and service is not None:
        try:  # another version may have been activated, or the key replaced, while this one was trained
            _check_champion(config.models, renewal.champion)
            service.activate(renewal.version)
        except (ServiceCallError, SecretFileError, OtherChampionError) as error:
            fault = error
    outcome = RenewalOutcome(renewal, renewal.is_new and service is not None and fault is None, fault)
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
    """Train a version, judge it, and add what the gate lets through to the folder of versions.

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
    champion = Champion.of(store)
    analysis = champion.analysis if config.analysis == "active" else None
    opened = OpenedCollection.load(
        config.data, config.engine, config.seed, analysis=analysis, language=config.language
    )
    encoded = encode_collection(config.encoder, opened, show)
    if encoded.note:
        _log.warning("%s", encoded.note)
    opened = opened.with_vectors(encoded.corpus)
    with SessionLog.open(config.log, create=False) as log, show("Reading the log"):
        topics, key = opened.collection.topics, config.run.split_key
        sides = split_by_need(log.sessions(config.source), topics, opened.analysis, key)
    train_base(opened, config, show)
    n_clicked = _clicked(sides.all)
    note = "" if n_clicked >= MIN_CLICKED else f"{n_clicked:,} sessions with a click, and {MIN_CLICKED} are needed"
    judging = JudgingConfig(config.clauses, seed=config.seed)
    folder, evidence, simulated = config.out / BASE, None, None
    if not note:
        try:
            sides, simulated = train_candidate(opened, config, sides, judging, show)
            before = champion.before(opened)
            folder = final.main(FinalStage(config.run, judging), opened, sides, show, before)
        except DataError as error:  # sessions enough, but of too few needs
            note = str(error)
    proof = read_stage(folder).proof
    if proof is not None:
        admission, evidence = proof.admission, proof.evidence
    if proof is None or (admission.use is Use.UNTRAINED and champion.version is not None):
        with show("Judging"):
            untrained, rival = contestant(UNTRAINED, config.out / BASE, opened), champion.contestant(opened)
            finding = contest(untrained, rival, opened, sides, judging)
            admission = admitted_untrained(finding)
    version = champion.version
    if admission.use is not Use.NOTHING:
        with show("Exporting"):
            version = _add(opened, folder, store)
    judged = _clicked(sides.judged)
    return Renewal(version, champion.version, admission, evidence, note, n_clicked - judged, judged, simulated)


def _clicked(sessions: Sequence[Session]) -> int:
    """Number of the sessions with a click."""
    return sum(not session.abandoned for session in sessions)


def _add(opened: OpenedCollection, folder: Path, store: ModelStore) -> str:
    """Export a stage into the folder of versions; returns the version."""
    with TemporaryDirectory() as temporary:
        return store.add(export_run(ExportConfig(folder, Path(temporary) / "bundle"), opened))
