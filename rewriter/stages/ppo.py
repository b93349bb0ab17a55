"""Stage `ppo`: from rewards, starting at the warm start, in the built-in loop or in trlX's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from untilclick.rewriter.config import PPOConfig, RunConfig
from untilclick.rewriter.stages.input import open_sources
from untilclick.rewriter.stages.ppo_input import PPOInput
from untilclick.rewriter.stages.record import PPO, checkpoint_folder, drop_checkpoint
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.training.log import TrainingLog
from untilclick.rewriter.training.ppo import checkpoint as ppo_checkpoint
from untilclick.rewriter.training.ppo.trainer import PPOTrainer
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.records import Session

Backend = Literal["builtin", "trlx"]


@dataclass(frozen=True)
class PPOStage:
    """One run of the stage."""

    run: RunConfig
    training: PPOConfig = field(default_factory=PPOConfig)
    resume: bool = True
    """Whether to go on with an interrupted run of the same settings."""


def main(
    config: PPOStage,
    opened: OpenedCollection | None = None,
    sessions: Iterable[Session] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train on rewards in the built-in loop; returns the stage's folder. `opened` and `sessions` spare opening
    collection and log again. Raises ModelError without a warm start of these documents or for a checkpoint of other
    settings, DataError for a log without queries to train or validate on."""
    run = config.run.out
    with open_sources(config.run, opened, sessions) as sources:
        if not config.resume:
            drop_checkpoint(run)
        task = PPOInput.read(sources, run, config.training)
    start = task.start
    trainer = PPOTrainer(start.policy, task.prompts, task.environment(), task.config, start.score)
    checkpoint = checkpoint_folder(run)
    if ppo_checkpoint.exists(checkpoint):
        ppo_checkpoint.load_checkpoint(trainer, checkpoint)
    with TrainingLog(run / f"{PPO}.log", resume_at=trainer.state.round) as log:
        trainer.train(log, lambda: ppo_checkpoint.save_checkpoint(trainer, checkpoint), progress)
    figures = {"rollouts": float(trainer.state.rollouts), "best_round": float(trainer.best.step)}
    folder = task.write(run, start.policy, figures)
    drop_checkpoint(run)
    return folder
