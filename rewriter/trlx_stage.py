"""Stage `ppo` with trlX's loop: the same task, rewards and settings as the built-in trainer, the same folder out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from untilclick.rewriter.language import Language, SubwordLanguage
from untilclick.rewriter.model_folder import open_model
from untilclick.rewriter.ppo_task import PPOTask
from untilclick.rewriter.prompts import Prompt
from untilclick.rewriter.stage_record import PPO
from untilclick.rewriter.text_environment import TextEnvironment
from untilclick.rewriter.trlx_checkpoint import newest_checkpoint
from untilclick.rewriter.trlx_reward import RewriteReward, TextReward, prompt_record, text_record
from untilclick.rewriter.workbench import Workbench
from untilclick.search.errors import DataError, UntilclickError
from untilclick.search.records import Session

if TYPE_CHECKING:
    from trlx.data.configs import TRLConfig

REPOSITORY = "https://github.com/CarperAI/trlx"


def require_trlx(instead: str = "--backend builtin") -> None:
    """Raises UntilclickError where trlX is not installed; `instead` is the option that does without it."""
    if find_spec("trlx") is None:
        raise UntilclickError(
            "trlX is not installed; it comes from its repository: pip install 'untilclick[trlx]' and then "
            f"pip install --no-deps git+{REPOSITORY}, or use {instead}"
        )


def run_ppo_trlx(
    bench: Workbench, run: Path, sessions: Iterable[Session], config: TRLConfig, *, resume: bool = True
) -> Path | None:
    """Train on rewards in trlX's loop, from the warm start of the same run; goes on from the newest checkpoint there.
    Returns the stage's folder in the main process, None in the others.

    Raises UntilclickError where trlX is not installed and for options that cannot be, ModelError without a warm start
    and for a checkpoint that does not fit, DataError for a log without queries to train, validate or evaluate on."""
    require_trlx()
    from trlx import train

    from untilclick.rewriter import trlx_trainer
    from untilclick.rewriter.trlx_best import BEST_FOLDER, kept_evaluation
    from untilclick.rewriter.trlx_config import ppo_config

    settings = ppo_config(config)
    if not config.train.save_best:
        raise UntilclickError("train.save_best is false, and the stage is made of the best weights; leave it true")
    task = PPOTask.of(bench, run, sessions, settings)
    if not task.held_out:
        raise DataError("The log holds no first query to evaluate on besides those to train on; log sessions of more")
    config.method.terms, config.method.found_weight = task.settings.terms, task.settings.found_weight
    if isinstance(task.language, SubwordLanguage):
        config.train.seq_length = max(config.train.seq_length, task.language.settings.prompt_length)
    records = [_record(one, row, task.language) for row, one in enumerate((*task.prompts, *task.held_out))]
    prompts, held_out = records[: len(task.prompts)], records[len(task.prompts) :]
    rank = int(os.environ.get("RANK", "0"))
    reward = _reward(task, np.random.default_rng((settings.seed, rank, 1)))
    checkpoints = Path(config.train.checkpoint_dir)
    if not resume:
        shutil.rmtree(checkpoints, ignore_errors=True)
    if resume and config.train.resume_from_checkpoint is None:
        newest = newest_checkpoint(checkpoints)
        config.train.resume_from_checkpoint = str(newest) if newest else None
    config.train.trainer_kwargs = {"log_folder": str(run / f"{PPO}.log"), **config.train.trainer_kwargs}
    trainer = train(reward_fn=reward, prompts=prompts, eval_prompts=held_out, config=config)
    assert isinstance(trainer, trlx_trainer.RewriterPPOTrainer)
    if not trainer.accelerator.is_main_process:
        return None
    best, evaluation = open_model(checkpoints / BEST_FOLDER)[0], kept_evaluation(checkpoints / BEST_FOLDER)
    figures = {
        "rollouts": float(trainer.progress.rollouts),
        "best_reward": evaluation.reward,
        "best_step": float(evaluation.step),
        "processes": float(trainer.accelerator.num_processes),
    }
    folder = task.write(bench, run, best, figures)
    shutil.rmtree(checkpoints, ignore_errors=True)  # the next run starts from the warm start
    return folder


def _record(prompt: Prompt, position: int, language: Language) -> dict[str, Any]:
    """A prompt as trlX takes it (Any: whatever stands beside it is passed on to the reward)."""
    if isinstance(language, SubwordLanguage):
        return text_record(prompt, position, language)
    return prompt_record(prompt, position, language.vocabulary)


def _reward(task: PPOTask, rng: np.random.Generator) -> RewriteReward | TextReward:
    if isinstance(task.environment, TextEnvironment):
        return TextReward(task.environment, rng)
    return RewriteReward(task.rewards, task.language.vocabulary, rng)
