"""Stage `ppo` in the built-in loop: trains the warm start on rewards. `ppo_trlx.py` has the same stage in trlX."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.stages.input import LogInput, Sources, open_sources
from untilclick.rewriter.stages.ppo_input import PPOInput
from untilclick.rewriter.stages.record import PPO, StageOutcome, checkpoint_folder, drop_checkpoint, read_stage
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.training.log import TrainingLog
from untilclick.rewriter.training.ppo import checkpoint as ppo_checkpoint
from untilclick.rewriter.training.ppo.trainer import PPOTrainer
from untilclick.search.corpora.opened import OpenedCollection

Backend = Literal["builtin", "trlx"]


@dataclass(frozen=True)
class PPOStage:
    """One run of the stage."""

    run: RunConfig
    training: PPOConfig = field(default_factory=PPOConfig)
    resume: bool = True
    """Whether to continue an interrupted run with the same settings."""


def main(
    config: PPOStage,
    opened: OpenedCollection | None = None,
    log: LogInput | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train on rewards in the built-in loop; returns the stage's folder. Give `opened` and `log` if they
    are open already. Raises ModelError without a warm start for these documents and for a checkpoint with
    other settings, DataError for a log without queries to train or validate on."""
    run = config.run.out
    with open_sources(config.run, opened, log) as sources:
        if not config.resume:
            drop_checkpoint(run)
        ppo_input = PPOInput.read(sources, run, config.training)
    start = ppo_input.start
    trainer = PPOTrainer(start.policy, ppo_input.prompts, ppo_input.environment(), ppo_input.config, start.score)
    checkpoint = checkpoint_folder(run)
    if ppo_checkpoint.exists(checkpoint):
        ppo_checkpoint.load_checkpoint(trainer, checkpoint)
    with TrainingLog(run / f"{PPO}.log", resume_at=trainer.state.round) as metrics:
        trainer.train(metrics, lambda: ppo_checkpoint.save_checkpoint(trainer, checkpoint), progress)
    figures = {"rollouts": float(trainer.state.rollouts), "best_round": float(trainer.best.step)}
    folder = ppo_input.write(run, start.policy, figures, progress)
    drop_checkpoint(run)
    return folder


def refit(
    config: PPOStage, twin: Path, opened: OpenedCollection, sides: LogSides, progress: Progress | None = None
) -> Path:
    """Train the warm start of the run on the training sessions of `sides` for as many rounds as the best of `twin`, a
    folder of this stage, had taken, with its blend and without validation; returns the stage's folder. Raises as
    `main`."""
    run, record = config.run.out, read_stage(twin)
    sources = Sources(opened, sides, config.run.split_key)
    ppo_input = PPOInput.to_learn_from(sources, run, config.training)
    start = ppo_input.start
    trainer = PPOTrainer(start.policy, ppo_input.prompts, ppo_input.environment(), ppo_input.config, start.score)
    trainer.train_rounds(int(record.figures["best_round"]), progress)
    figures = {**record.figures, "queries": float(len(ppo_input.training)), "rollouts": float(trainer.state.rollouts)}
    return start.write(run / PPO, StageOutcome.as_chosen(ppo_input.config, record, figures))
