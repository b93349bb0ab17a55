"""A trained stage on disk: the model folder with `stage.json`, which says what was trained, on what, and how well.

RUN/base/        from the documents alone
RUN/warm_start/  from hindsight pairs of a session log; the reference model of PPO
RUN/offline/     from what people tried and clicked, the log alone
RUN/ppo/         from rewards
RUN/mean/        several trained models that answer as one, each in a folder of its own inside

Beside them, RUN/ppo.checkpoint/ is what an interrupted PPO run continues from, RUN/ppo.log/ holds its metrics.

A stage trained anew takes those with it that go on from it: otherwise the last stage of a run, which is what is
evaluated and exported, would come from a model, and often a log, that is no more.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from untilclick.rewriter.config import BaseConfig, EnsembleConfig, OfflineConfig, PPOConfig, WarmStartConfig
from untilclick.rewriter.flat_settings import flat
from untilclick.rewriter.language.prompts import PROMPT_VERSION
from untilclick.rewriter.policy.models import RewriterModel, open_rewriter
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.bundle import MEMBERS_FOLDER
from untilclick.rewriter.training.validation import BlendChoice
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import whole_folder
from untilclick.search.version import program_version

BASE, WARM_START, OFFLINE, PPO, MEAN = "base", "warm_start", "offline", "ppo", "mean"
STAGES = (BASE, WARM_START, OFFLINE, PPO, MEAN)
STAGE_FILE = "stage.json"
GOING_ON = {BASE: (WARM_START, OFFLINE, PPO, MEAN), WARM_START: (OFFLINE, PPO, MEAN), OFFLINE: (MEAN,), PPO: (MEAN,)}
"""Stage -> those that go on from it, at once or by way of another; `ppo` and `offline` not from each other."""
TRLX_CHECKPOINTS = "ppo.trlx"
"""Folder of a run that holds the checkpoints of PPO in trlX."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageRecord:
    """What `stage.json` says."""

    stage: str
    config: Mapping[str, Any]  # Any: the fields of one stage's configuration
    data: str
    fingerprint: str
    engine: str
    blend: BlendSettings
    figures: Mapping[str, float]
    """Validation and size figures of the stage."""
    code_version: str
    prompt_version: int = PROMPT_VERSION


def read_stage(folder: Path) -> StageRecord:
    """Read `stage.json`. Raises ModelError when the folder is no finished stage."""
    try:
        return read_record(StageRecord, folder / STAGE_FILE)
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} is not a finished training stage ({error}); train it first") from error


def latest_stage(run: Path) -> Path:
    """The folder of the last finished stage of a run, or `run` itself where it is one stage's folder. Raises
    ModelError when there is none."""
    if (run / STAGE_FILE).is_file():
        return run
    for stage in reversed(STAGES):
        if (run / stage / STAGE_FILE).is_file():
            return run / stage
    raise ModelError(f"{run} holds no trained model; run `untilclick train base` or `untilclick demo` first")


def load_stage(opened: OpenedCollection, folder: Path) -> RewriterModel:
    """The model of a stage. Raises ModelError when it was trained on other documents, or is no finished stage."""
    record = read_stage(folder)
    fingerprint = opened.collection.corpus.fingerprint
    if record.fingerprint != fingerprint:
        raise ModelError(
            f"{folder} was trained on other documents ({record.fingerprint}, now {fingerprint}); train it again"
        )
    return open_rewriter(folder)


def member_folders(folder: Path) -> list[Path]:
    """The folders of the models that answer as one, in order; none where the folder holds a model itself."""
    return sorted((folder / MEMBERS_FOLDER).glob("[0-9]*"), key=lambda member: int(member.name))


@dataclass(frozen=True)
class StageOutcome:
    """What training decided besides the weights."""

    config: BaseConfig | WarmStartConfig | OfflineConfig | PPOConfig | EnsembleConfig
    choice: BlendChoice
    figures: Mapping[str, float]


def write_stage(opened: OpenedCollection, folder: Path, model: RewriterModel, outcome: StageOutcome) -> Path:
    """Write a model folder with its record, and remove the stages of the run that go on from the model it replaces;
    returns the folder."""
    with replaced_stage(opened, folder, outcome) as new:
        model.save(new)
    return folder


@contextmanager
def replaced_stage(opened: OpenedCollection, folder: Path, outcome: StageOutcome) -> Iterator[Path]:
    """A folder to write a stage's models into. When the block ends, it gets its record and takes the place of
    `folder`."""
    choice = outcome.choice
    record = StageRecord(
        stage=folder.name,
        config=flat(outcome.config),
        data=opened.collection.corpus.source,
        fingerprint=opened.collection.corpus.fingerprint,
        engine=opened.engine_name,
        blend=choice.settings,
        figures={**outcome.figures, "validation_ndcg": choice.ndcg, "validation_ndcg_original": choice.original_ndcg},
        code_version=program_version(),
    )
    with whole_folder(folder) as new:
        yield new
        (new / STAGE_FILE).write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
        _remove_going_on(folder)


def checkpoint_folder(run: Path) -> Path:
    """The checkpoint of an interrupted PPO run of the built-in backend."""
    return run / f"{PPO}.checkpoint"


def drop_checkpoint(run: Path) -> None:
    """Remove the checkpoints of an interrupted PPO run of either backend: the next run starts from the warm start."""
    for folder in (checkpoint_folder(run), run / TRLX_CHECKPOINTS):
        shutil.rmtree(folder, ignore_errors=True)


def _remove_going_on(folder: Path) -> None:
    """Remove the stages that go on from this one, a link instead of what it points to, and with PPO its metrics."""
    for stage in (folder.parent / name for name in GOING_ON.get(folder.name, ())):
        if not stage.exists():
            continue
        logger.warning("Removing %s, which went on from the model that %s replaces", stage, folder)
        if stage.is_symlink():
            stage.unlink()
        else:
            shutil.rmtree(stage)
        shutil.rmtree(stage.with_name(f"{stage.name}.log"), ignore_errors=True)
