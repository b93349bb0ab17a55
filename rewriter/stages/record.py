"""A trained stage on disk: a model folder with `stage.json`, the record of settings, data, blend and figures.

RUN/base/        trained on the documents alone
RUN/warm_start/  trained on hindsight pairs of a session log; the reference model of PPO
RUN/offline/     trained on the rewrites and clicks of a log alone
RUN/ppo/         trained on rewards
RUN/mean/        several trained models that serve as one, each in a folder below it
RUN/final/       what may be exported: the last of these refitted on the whole log, or the base

All but `base` and `final` are trained on a part of the log, and are judged by another; `rewriter/proof/` makes
`final`.

RUN/ppo.checkpoint/ holds the state of an interrupted PPO run, RUN/ppo.log/ its metrics.

When a stage is trained again, the stages that were trained from it are removed. The last stage of a run is the one
that is evaluated and exported; without this rule it could come from a model, and often a log, that no longer exists.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from untilclick.rewriter.caution import Caution
from untilclick.rewriter.config import BaseConfig, EnsembleConfig, WarmStartConfig
from untilclick.rewriter.flat_settings import flat
from untilclick.rewriter.judging.evidence import Evidence
from untilclick.rewriter.judging.gate import Admission, Use
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.rewriter.language.prompts import PROMPT_VERSION
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.models import RewriterModel, open_rewriter
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.bundle import MEMBERS_FOLDER
from untilclick.rewriter.training.made_queries.choice import StrataRecord
from untilclick.rewriter.training.validation import BlendChoice
from untilclick.search.analysis.by_name import FIRST_NAME
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import whole_folder
from untilclick.search.text.encoders.encoder import Encoder
from untilclick.search.version import program_version

BASE, WARM_START, OFFLINE, PPO, MEAN, FINAL = "base", "warm_start", "offline", "ppo", "mean", "final"
STAGES = (BASE, WARM_START, OFFLINE, PPO, MEAN, FINAL)
MEMBER_STAGES = STAGES[:-1]
"""The stages whose models a mean may combine."""
STAGE_FILE = "stage.json"
DERIVED = {
    BASE: (WARM_START, OFFLINE, PPO, MEAN, FINAL),
    WARM_START: (OFFLINE, PPO, MEAN, FINAL),
    OFFLINE: (MEAN, FINAL),
    PPO: (MEAN, FINAL),
    MEAN: (FINAL,),
}
"""Stage -> the stages that are trained from it, directly or through another one. `ppo` and `offline` never start
from each other."""
TRLX_CHECKPOINTS = "ppo.trlx"
"""Folder of a run with the checkpoints of PPO in trlX."""

StageConfig = BaseConfig | WarmStartConfig | OfflineConfig | PPOConfig | EnsembleConfig
VALIDATION_NDCG, VALIDATION_NDCG_ORIGINAL = "validation_ndcg", "validation_ndcg_original"
"""Figures of every stage: mean nDCG@10 of the validation queries, rewritten and as typed."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Proof:
    """What the stage `final` is, and why."""

    evidence: Evidence
    admission: Admission
    """What the gate lets through."""
    twin: str
    """Name of the stage that was judged: the same training without the needs that it was judged by."""
    refitted: bool
    """Whether the model is a refit of the twin, and not the twin itself."""
    asked: bool = False
    """Whether all that was learned is used against the gate, because somebody asked for it."""

    @property
    def use(self) -> Use:
        """What the model of the stage is."""
        return Use.LEARNED if self.asked else self.admission.use


@dataclass(frozen=True)
class StageRecord:
    """The content of `stage.json`."""

    stage: str
    config: Mapping[str, Any]  # Any: settings are of every type
    """The settings of the stage by their flat names."""
    data: str
    """Source of the documents."""
    fingerprint: str
    """Fingerprint of the documents."""
    engine: str
    blend: BlendSettings
    """The blend chosen for the model, by the caution of its training."""
    figures: Mapping[str, float]
    """Figures of size and validation."""
    code_version: str
    """Version of the program that trained the model."""
    prompt_version: int = PROMPT_VERSION
    analysis: str = FIRST_NAME
    """Name of the analysis of the documents."""
    split: SplitRecord | None = None
    """How the log was split; None for a stage that read none, and for runs of earlier versions."""
    proof: Proof | None = None
    """Of the stage `final`: what it is and why."""
    blends: Mapping[Caution, BlendSettings] = field(default_factory=dict)
    """The blend chosen for each caution; empty in records of earlier versions, and where one blend serves all."""
    strata: StrataRecord | None = None
    """How queries made from documents chose the blend; None for other queries, and without a sentence encoder."""

    @property
    def on_made_queries(self) -> str:
        """What queries made from documents chose, in sentences; empty for other queries, and without an encoder."""
        if self.strata is None:
            return ""
        prior = 0.0 if self.blend.mixture is None else self.blend.mixture.prior
        named = f" Documents that others name are raised, with a weight of {prior:g}." if prior else ""
        return self.strata.sentence + named

    def blend_for(self, caution: Caution | None) -> BlendSettings:
        """The blend for a caution, or `blend` if there is none for it or no caution is asked for."""
        return self.blend if caution is None else self.blends.get(caution, self.blend)


def read_stage(folder: Path) -> StageRecord:
    """Read `stage.json`. Raises ModelError if the folder is not a finished stage."""
    try:
        return read_record(StageRecord, folder / STAGE_FILE)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is not a finished training stage ({error}); train it first") from error


def read_proof(folder: Path) -> Proof:
    """The proof of the stage `final`. Raises ModelError for a folder of another stage."""
    proof = read_stage(folder).proof
    if proof is None:
        raise ModelError(f"{folder} was not judged; run `untilclick train final`")
    return proof


def latest_stage(run: Path, stages: Sequence[str] = STAGES) -> Path:
    """The folder of the last finished stage of a run among `stages`, or `run` itself if it is the folder of one
    stage. Raises ModelError if there is no finished stage."""
    if (run / STAGE_FILE).is_file():
        return run
    for stage in reversed(stages):
        if (run / stage / STAGE_FILE).is_file():
            return run / stage
    raise ModelError(f"{run} holds no trained model; run `untilclick train base` or `untilclick demo` first")


def first_stage(run: Path) -> Path | None:
    """The folder of the first finished stage of a run, whose analysis and encoder all others have; None without."""
    folders = (*(run / stage for stage in STAGES), run)
    return next((folder for folder in folders if (folder / STAGE_FILE).is_file()), None)


def analysis_of_run(run: Path) -> str | None:
    """Name of the analysis that the models of a run were trained with; None if it has no finished stage."""
    first = first_stage(run)
    return None if first is None else read_stage(first).analysis


def load_stage(opened: OpenedCollection, folder: Path) -> RewriterModel:
    """The model of a stage. A model that reads meaning needs the encoder of the opened documents, or opens its own.
    Raises ModelError if it was trained on other documents or with another encoder, and if it is not a finished
    stage."""
    record = read_stage(folder)
    fingerprint = opened.collection.corpus.fingerprint
    if record.fingerprint != fingerprint:
        raise ModelError(
            f"{folder} was trained on other documents ({record.fingerprint}, now {fingerprint}); train it again"
        )
    if record.analysis != opened.analysis.name:
        raise ModelError(
            f"{folder} was trained with the text analysis {record.analysis}, and the documents are opened with "
            f"{opened.analysis.name}; train the base again"
        )
    return open_rewriter(folder, encoder_of(opened))


def encoder_of(opened: OpenedCollection) -> Encoder | None:
    """The encoder of the documents' vectors; None if they are not encoded."""
    return None if opened.encoded is None else opened.encoded.encoder


def member_folders(folder: Path) -> list[Path]:
    """The folders of the models of a `mean`, in order; empty for a stage that is one model."""
    return sorted((folder / MEMBERS_FOLDER).glob("[0-9]*"), key=lambda member: int(member.name))


@dataclass(frozen=True)
class StageOutcome:
    """The results of a training besides the weights."""

    config: StageConfig
    choice: BlendChoice
    figures: Mapping[str, float]
    split: SplitRecord | None = None
    """How the log was split that the training read."""
    proof: Proof | None = None
    """Of the stage `final`."""

    @classmethod
    def as_chosen(cls, config: StageConfig, record: StageRecord, figures: Mapping[str, float]) -> StageOutcome:
        """The outcome of a training that made no choices of its own but has those of another."""
        ndcg, original = (record.figures[name] for name in (VALIDATION_NDCG, VALIDATION_NDCG_ORIGINAL))
        choice = BlendChoice(record.blend, ndcg, original, blends=record.blends, strata=record.strata)
        return cls(config, choice, figures)


def write_stage(opened: OpenedCollection, folder: Path, model: RewriterModel, outcome: StageOutcome) -> Path:
    """Write a model folder with its record, and remove the stages that were trained from the model it replaces;
    returns the folder."""
    with replaced_stage(opened, folder, outcome) as new:
        model.save(new)
    return folder


@contextmanager
def replaced_stage(opened: OpenedCollection, folder: Path, outcome: StageOutcome) -> Iterator[Path]:
    """A new folder to write a stage's models into. When the block ends, it gets its record and takes the place of
    `folder`."""
    choice = outcome.choice
    record = StageRecord(
        stage=folder.name,
        config=flat(outcome.config),
        data=opened.collection.corpus.source,
        fingerprint=opened.collection.corpus.fingerprint,
        engine=opened.engine_name,
        blend=choice.settings,
        blends=choice.blends,
        figures={**outcome.figures, VALIDATION_NDCG: choice.ndcg, VALIDATION_NDCG_ORIGINAL: choice.original_ndcg},
        code_version=program_version(),
        analysis=opened.analysis.name,
        split=outcome.split,
        proof=outcome.proof,
        strata=choice.strata,
    )
    with whole_folder(folder) as new:
        yield new
        (new / STAGE_FILE).write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
        _remove_derived(folder)


@contextmanager
def copied_stage(
    source: Path, target: Path, proof: Proof, split: SplitRecord | None, blend: BlendSettings | None = None
) -> Iterator[Path]:
    """A new folder with a copy of a stage, as the stage `final` of a run, in its own blend or in another one. When
    the block ends, it takes the place of `target`."""
    copied = read_stage(source)
    record = replace(copied, stage=FINAL, split=split, proof=proof)
    if blend is not None:
        record = replace(record, blend=blend, blends={}, strata=None)
    with whole_folder(target) as new:
        shutil.copytree(source, new, dirs_exist_ok=True)
        (new / STAGE_FILE).write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
        yield new


def checkpoint_folder(run: Path) -> Path:
    """The checkpoint folder of PPO in the built-in loop."""
    return run / f"{PPO}.checkpoint"


def drop_checkpoint(run: Path) -> None:
    """Remove the checkpoints of an interrupted PPO run of either backend, so that the next run starts from the warm
    start."""
    for folder in (checkpoint_folder(run), run / TRLX_CHECKPOINTS):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_derived(folder: Path) -> None:
    """Remove the stages that were trained from this one, and the metrics of PPO; of a link, the link alone."""
    for stage in (folder.parent / name for name in DERIVED.get(folder.name, ())):
        if not stage.exists():
            continue
        logger.warning("Removing %s, which was trained from the model that %s replaces", stage, folder)
        if stage.is_symlink():
            stage.unlink()
        else:
            shutil.rmtree(stage)
        shutil.rmtree(stage.with_name(f"{stage.name}.log"), ignore_errors=True)
