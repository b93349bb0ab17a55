"""The stages of a run that read its log, trained again with the settings in their records: anew on other sides of the
log, or refitted on all of it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.flat_settings import nested
from untilclick.rewriter.language.subword_settings import stage_configs
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.stages import offline, ppo, ppo_trlx, warm_start
from untilclick.rewriter.stages.record import BASE, MEAN, OFFLINE, PPO, STAGE_FILE, WARM_START, read_stage
from untilclick.rewriter.training.callbacks import Progress
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError

T = TypeVar("T")


def judged_stage(run: Path) -> Path:
    """The folder of the last stage of a run that learned from its log. Raises ModelError if there is none, and
    UntilclickError for a stage of trlX without trlX: what held-out needs say of a run must not depend on what is
    installed where they are asked."""
    for stage in (MEAN, PPO, OFFLINE, WARM_START):
        if (run / stage / STAGE_FILE).is_file():
            if ppo_trlx.is_of_trlx(read_stage(run / stage)):
                ppo_trlx.require_trlx(f"a run that --backend builtin has trained: {run / stage} was trained in trlX")
            return run / stage
    raise ModelError(f"{run} holds nothing that was learned from a log; run `untilclick train warm-start` first")


def learned_stages(run: Path) -> list[Path]:
    """The folders of the stages that led to the last one of a run, without the base. Empty for a stage that cannot be
    trained again from its record: a mean of runs, and Q-learning, whose steps are not those of its model."""
    last = judged_stage(run)
    record = read_stage(last)
    if record.stage == MEAN or record.config.get("method") == "ilql":
        return []
    before = offline.start_folder(run)
    return [last] if record.stage == WARM_START or before.name == BASE else [before, last]


def train_again(
    stage: Path, run: RunConfig, opened: OpenedCollection, sides: LogSides, progress: Progress | None = None
) -> Path:
    """Train a stage with the settings of its record, in another run folder; returns the new stage's folder. Raises as
    the `main` of the stage."""
    config = _recorded(stage, run)
    if isinstance(config, warm_start.WarmStartStage):
        return warm_start.main(config, opened, sides, progress)
    if isinstance(config, offline.OfflineStage):
        return offline.main(config, opened, sides, progress)
    if ppo_trlx.is_of_trlx(read_stage(stage)):
        return _train_in_trlx(config, stage, opened, sides)
    return ppo.main(config, opened, sides, progress)


def _train_in_trlx(config: ppo.PPOStage, stage: Path, opened: OpenedCollection, sides: LogSides) -> Path:
    with redirect_stdout(sys.stderr):  # trlX and its libraries print on stdout, which belongs to the answer
        folder = ppo_trlx.main(ppo_trlx.PPOTrlxStage.repeating(config, stage), opened, sides)
    assert folder is not None  # there is one process
    return folder


def refit(
    stage: Path, run: RunConfig, opened: OpenedCollection, sides: LogSides, progress: Progress | None = None
) -> Path:
    """Train a stage with the choices and the steps of its record, in another run folder; returns the new stage's
    folder. Raises as the `refit` of the stage."""
    config = _recorded(stage, run)
    if isinstance(config, warm_start.WarmStartStage):
        return warm_start.refit(config, stage, opened, sides, progress)
    if isinstance(config, offline.OfflineStage):
        return offline.refit(config, stage, opened, sides, progress)
    if ppo_trlx.is_of_trlx(read_stage(stage)):
        return ppo_trlx.refit(config, stage, opened, sides, progress)
    return ppo.refit(config, stage, opened, sides, progress)


def train_to_the_end(
    stage: Path, run: RunConfig, opened: OpenedCollection, sides: LogSides, progress: Progress | None = None
) -> Path:
    """Train a warm start with the settings of its record for all its epochs, in another run folder; returns the new
    stage's folder. Raises as the `refit` of the stage."""
    config = _recorded(stage, run)
    assert isinstance(config, warm_start.WarmStartStage)
    return warm_start.refit(config, stage, opened, sides, progress, epochs=config.training.epochs)


def train_further(
    stage: Path, run: RunConfig, opened: OpenedCollection, sides: LogSides, progress: Progress | None = None
) -> Path:
    """Train a warm start in place for as many epochs again, on the training sessions of `sides`; returns its folder.
    Raises as the `refit` of the stage."""
    config = _recorded(stage, run)
    assert isinstance(config, warm_start.WarmStartStage)
    return warm_start.train_further(config, stage, opened, sides, progress)


def _recorded(stage: Path, run: RunConfig) -> warm_start.WarmStartStage | offline.OfflineStage | ppo.PPOStage:
    """A stage as it was configured, for another run folder."""
    record, kinds = read_stage(stage), stage_configs(stage)
    if record.stage == WARM_START:
        return warm_start.WarmStartStage(run, _config(kinds.warm_start, record.config))
    if record.stage == OFFLINE:
        return offline.OfflineStage(run, _config(OfflineConfig, record.config))
    return ppo.PPOStage(run, _config(kinds.ppo, record.config), resume=False)


def _config(kind: type[T], settings: Mapping[str, Any]) -> T:  # Any: settings are of every type
    """The configuration with these settings, given by their flat names."""
    return TypeAdapter(kind).validate_python(nested(kind, settings))
