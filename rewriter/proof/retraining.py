"""The stages of a run that read its log, trained again with the settings in their records: anew on other sides of the
log, or refitted on all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from untilclick.rewriter.config import PPOConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.flat_settings import nested
from untilclick.rewriter.language.subword_settings import stage_configs
from untilclick.rewriter.stages import ppo, warm_start
from untilclick.rewriter.stages.record import PPO, WARM_START, StageRecord, latest_stage, read_stage
from untilclick.rewriter.training.callbacks import Progress
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError

T = TypeVar("T")

Training = Callable[[RunConfig, OpenedCollection, LogSides, Progress | None], Path]
"""Trains a stage in a run folder; returns its folder."""


def learned_stages(run: Path) -> list[Path]:
    """The folders of the stages that led to the last one of a run, without the base. Raises ModelError for a run
    without a stage, and for stages that cannot be trained again from their records alone."""
    last = latest_stage(run)
    stages = {WARM_START: [WARM_START], PPO: [WARM_START, PPO]}
    stage = read_stage(last).stage
    if stage not in stages:
        raise ModelError(f"{last} is a stage `{stage}`, which cannot be refitted")
    return [last.parent / name for name in stages[stage]]


def train_again(stage: Path) -> Training:
    """The training of a stage with the settings of its record, anew."""
    record = read_stage(stage)

    def train(run: RunConfig, opened: OpenedCollection, sides: LogSides, progress: Progress | None) -> Path:
        if record.stage == WARM_START:
            return warm_start.main(_warm_start(run, stage, record), opened, sides, progress)
        return ppo.main(_ppo(run, stage, record), opened, sides, progress)

    return train


def refit(stage: Path) -> Training:
    """The training of a stage with the choices and the steps of its record."""
    record = read_stage(stage)

    def train(run: RunConfig, opened: OpenedCollection, sides: LogSides, progress: Progress | None) -> Path:
        if record.stage == WARM_START:
            return warm_start.refit(_warm_start(run, stage, record), stage, opened, sides, progress)
        return ppo.refit(_ppo(run, stage, record), stage, opened, sides, progress)

    return train


def _warm_start(run: RunConfig, stage: Path, record: StageRecord) -> warm_start.WarmStartStage:
    kind: type[WarmStartConfig] = stage_configs(stage).warm_start
    return warm_start.WarmStartStage(run, _recorded(kind, record))


def _ppo(run: RunConfig, stage: Path, record: StageRecord) -> ppo.PPOStage:
    kind: type[PPOConfig] = stage_configs(stage).ppo
    return ppo.PPOStage(run, _recorded(kind, record), resume=False)


def _recorded(kind: type[T], record: StageRecord) -> T:
    """The configuration that a stage was trained with."""
    return TypeAdapter(kind).validate_python(nested(kind, record.config))
