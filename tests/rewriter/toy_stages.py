"""Functions that run each stage on an opened collection and sessions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from untilclick.rewriter.config import BaseConfig, EnsembleConfig, PolicyConfig, RunConfig, WarmStartConfig
from untilclick.rewriter.language.subword_settings import SubwordBaseConfig
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.stages import base, ensemble, offline, ppo, subword_base, warm_start
from untilclick.rewriter.training.callbacks import Progress
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Session


def run_base(
    opened: OpenedCollection, run: Path, policy: PolicyConfig, config: BaseConfig, progress: Progress | None = None
) -> Path:
    return base.main(base.BaseStage(RunConfig(run), policy, config), opened, progress)


def run_subword_base(
    opened: OpenedCollection, run: Path, start: subword_base.SubwordStart, config: SubwordBaseConfig
) -> Path:
    return subword_base.main(subword_base.SubwordBaseStage(RunConfig(run), start, config), opened)


def run_warm_start(
    opened: OpenedCollection,
    run: Path,
    sessions: Iterable[Session],
    config: WarmStartConfig,
    progress: Progress | None = None,
) -> Path:
    return warm_start.main(warm_start.WarmStartStage(RunConfig(run), config), opened, sessions, progress)


def run_ppo(
    opened: OpenedCollection,
    run: Path,
    sessions: Iterable[Session],
    config: PPOConfig,
    progress: Progress | None = None,
) -> Path:
    return ppo.main(ppo.PPOStage(RunConfig(run), config), opened, sessions, progress)


def run_offline(
    opened: OpenedCollection,
    run: Path,
    sessions: Iterable[Session],
    config: OfflineConfig,
    progress: Progress | None = None,
) -> Path:
    return offline.main(offline.OfflineStage(RunConfig(run), config), opened, sessions, progress)


def run_mean(opened: OpenedCollection, run: Path, sessions: Iterable[Session], config: EnsembleConfig) -> Path:
    return ensemble.main(ensemble.EnsembleStage(RunConfig(run), config), opened, sessions)
