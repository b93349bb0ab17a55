"""Stage `ppo` in trlX's loop: the same input, rewards, settings and output folder as in the built-in loop."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.policy.models import open_model
from untilclick.rewriter.stages.input import LogInput, Sources, open_sources
from untilclick.rewriter.stages.ppo import PPOStage
from untilclick.rewriter.stages.ppo_input import PPOInput, RenderedQuery
from untilclick.rewriter.stages.record import (
    PPO,
    TRLX_CHECKPOINTS,
    WARM_START,
    StageOutcome,
    StageRecord,
    read_stage,
)
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.trlx.checkpoint import newest_checkpoint
from untilclick.rewriter.trlx.options import repeated, write_options
from untilclick.rewriter.trlx.reward import RewriteReward, prompt_record
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError, UntilclickError

if TYPE_CHECKING:
    from trlx.data.configs import TRLConfig

    from untilclick.rewriter.trlx.trainer import RewriterPPOTrainer

REPOSITORY = "https://github.com/CarperAI/trlx"
"""Where trlX is installed from; no package index has this version."""

logger = logging.getLogger(__name__)


def require_trlx(instead: str = "--backend builtin") -> None:
    """Raises UntilclickError if trlX is not installed; `instead` is the option that does not need it."""
    if find_spec("trlx") is None:
        raise UntilclickError(
            "trlX is not installed; it comes from its repository: pip install 'untilclick[trlx]' and then "
            f"pip install --no-deps git+{REPOSITORY}, or use {instead}"
        )


@dataclass(frozen=True)
class PPOTrlxStage:
    """One run of the stage in trlX."""

    run: RunConfig
    trlx: TRLConfig
    resume: bool = True
    """Whether to continue from the newest checkpoint."""

    @classmethod
    def of(cls, stage: PPOStage) -> PPOTrlxStage:
        """The same run with the same settings as in the built-in loop. Imports trlX, which prints to stdout with its
        libraries."""
        from untilclick.rewriter.trlx.config import trlx_config

        out = stage.run.out
        return cls(stage.run, trlx_config(stage.training, out / WARM_START, out / TRLX_CHECKPOINTS), stage.resume)

    @classmethod
    def repeating(cls, stage: PPOStage, trained: Path) -> PPOTrlxStage:
        """The same run with the settings of `stage`, and with the options of trlX that the stage in the folder
        `trained` was trained with. Raises and prints as `of`, and ModelError for options that cannot be read."""
        out = stage.run.out
        trlx = repeated(stage.training, trained, out / WARM_START, out / TRLX_CHECKPOINTS)
        return cls(stage.run, trlx, stage.resume)


def is_of_trlx(record: StageRecord) -> bool:
    """Whether a stage was trained by this module."""
    return record.stage == PPO and "best_step" in record.figures


def main(
    config: PPOTrlxStage,
    opened: OpenedCollection | None = None,
    log: LogInput | None = None,
) -> Path | None:
    """Train the warm start of the same run on rewards in trlX's loop, or continue from the newest checkpoint. Every
    process of `torchrun` calls this; the main process gets the stage's folder, the others None. trlX shows its own
    progress.

    Raises UntilclickError if trlX is not installed and for options that do not fit, ModelError without a warm start
    and for a checkpoint that does not fit, DataError for a log without queries to train, validate or evaluate on."""
    require_trlx()
    from untilclick.rewriter.trlx.config import ppo_config

    run, trlx = config.run.out, config.trlx
    settings = ppo_config(trlx)
    if not trlx.train.save_best:
        raise UntilclickError("train.save_best is false, and the stage is made of the best weights; leave it true")
    with open_sources(config.run, opened, log) as sources:
        ppo_input = PPOInput.read(sources, run, settings)
    if not ppo_input.held_out:
        raise DataError("The log holds no first query to evaluate on besides those to train on; log sessions of more")
    checkpoints = Path(trlx.train.checkpoint_dir)
    _choose_checkpoint(trlx, checkpoints, resume=config.resume)
    trlx.train.trainer_kwargs = {"log_folder": str(run / f"{PPO}.log"), **trlx.train.trainer_kwargs}
    trainer = _train(trlx, ppo_input, ppo_input.held_out)
    if not trainer.accelerator.is_main_process:
        return None
    folder = _write(ppo_input, run, trainer, checkpoints)
    shutil.rmtree(checkpoints, ignore_errors=True)  # the next run starts from the warm start
    return folder


def refit(
    config: PPOStage, twin: Path, opened: OpenedCollection, sides: LogSides, progress: Progress | None = None
) -> Path:
    """Train the warm start of the run in trlX's loop on the training sessions of `sides` for as many optimiser steps
    as the best weights of `twin`, a folder of this stage, had taken, with its options and its blend and without
    held-out queries; returns the stage's folder. It runs in one process. What trlX prints goes to stderr. Raises as
    `main`."""
    run, record = config.run.out, read_stage(twin)
    ppo_input = PPOInput.to_learn_from(Sources(opened, sides, config.run.split_key), run, config.training)
    figures = {**record.figures, "queries": float(len(ppo_input.training)), "rollouts": 0.0}
    policy = ppo_input.start.policy
    if steps := int(record.figures["best_step"]):
        require_trlx()
        with redirect_stdout(sys.stderr), TemporaryDirectory(prefix=f"{TRLX_CHECKPOINTS}-", dir=run) as checkpoints:
            trlx = _for_steps(PPOTrlxStage.repeating(config, twin).trlx, steps, checkpoints, progress)
            trainer = _train(trlx, ppo_input, ppo_input.training[:1])  # trlX wants something to evaluate on
        if trainer.iter_count < steps:
            logger.warning("The refit took %d of %d steps: its other rounds were skipped", trainer.iter_count, steps)
        policy = trainer.average.module.cpu()
        figures |= {
            "rollouts": float(trainer.progress.rollouts),
            "processes": float(trainer.accelerator.num_processes),
        }
    return ppo_input.start.write(run / PPO, StageOutcome.as_chosen(ppo_input.config, record, figures), policy)


def _for_steps(trlx: TRLConfig, steps: int, checkpoints: str, progress: Progress | None) -> TRLConfig:
    """The configuration of a training for a number of optimiser steps, in as many rounds as the configured training
    had at most, without checkpoints to resume from and without best weights."""
    from untilclick.rewriter.trlx.config import ppo_config

    rounds = ppo_config(trlx).iterations
    course = {"total_steps": steps, "eval_interval": steps, "checkpoint_interval": steps}
    folders = {"checkpoint_dir": checkpoints, "logging_dir": checkpoints}
    saved = {"save_optimizer": False, "save_best": False}
    return trlx.evolve(train={**course, **folders, **saved, "trainer_kwargs": {"rounds": rounds, "show": progress}})


def _train(trlx: TRLConfig, ppo_input: PPOInput, evaluated: Sequence[RenderedQuery]) -> RewriterPPOTrainer:
    """Train in trlX's loop, and evaluate on other queries; returns the trainer."""
    from trlx import train

    from untilclick.rewriter.trlx import trainer as trlx_trainer

    _fit_to_language(trlx, ppo_input)
    queries, language = (*ppo_input.training, *evaluated), ppo_input.start.language
    records = [prompt_record(q.prompt, position, language, q.query.need) for position, q in enumerate(queries)]
    n_training = len(ppo_input.training)
    rank = int(os.environ.get("RANK", "0"))
    rng = np.random.default_rng((trlx.train.seed, rank, 1))
    reward = RewriteReward(ppo_input.environment(queries), rng)
    trainer = train(reward_fn=reward, prompts=records[:n_training], eval_prompts=records[n_training:], config=trlx)
    assert isinstance(trainer, trlx_trainer.RewriterPPOTrainer)
    return trainer


def _fit_to_language(trlx: TRLConfig, ppo_input: PPOInput) -> None:
    """Set the options that the language of the policy decides: lengths, and whether found documents teach it."""
    trlx.method.terms = ppo_input.config.rollout.terms
    trlx.method.found_weight = ppo_input.config.found_documents.weight
    trlx.train.seq_length = max(trlx.train.seq_length, ppo_input.start.language.prompt_length)


def _write(ppo_input: PPOInput, run: Path, trainer: RewriterPPOTrainer, checkpoints: Path) -> Path:
    """Write the stage with the best weights of a training; returns its folder."""
    from untilclick.rewriter.trlx.best import BEST_FOLDER, saved_evaluation

    evaluation = saved_evaluation(checkpoints / BEST_FOLDER)
    figures = {
        "rollouts": float(trainer.progress.rollouts),
        "best_reward": evaluation.reward,
        "best_step": float(evaluation.step),
        "processes": float(trainer.accelerator.num_processes),
    }
    folder = ppo_input.write(run, open_model(checkpoints / BEST_FOLDER)[0], figures)
    write_options(trainer.config, folder)
    return folder


def _choose_checkpoint(trlx: TRLConfig, checkpoints: Path, *, resume: bool) -> None:
    """Have trlX resume from the newest checkpoint unless its options name one; without `resume` remove them all."""
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    elif trlx.train.resume_from_checkpoint is None:
        newest = newest_checkpoint(checkpoints)
        trlx.train.resume_from_checkpoint = str(newest) if newest else None
