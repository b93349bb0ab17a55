"""The training stages as the command line calls them: each reads the folder of the one before and writes its own.

Beside the folders of `stage_record.py`, PPO keeps RUN/ppo.checkpoint/, what an interrupted run continues from, and
RUN/ppo.log/, its metrics.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from untilclick.rewriter import ppo_checkpoint
from untilclick.rewriter.base import new_policy, train_base
from untilclick.rewriter.blend import COLD_START
from untilclick.rewriter.callbacks import Progress
from untilclick.rewriter.config import BaseConfig, PolicyConfig, PPOConfig, WarmStartConfig
from untilclick.rewriter.held_out import (
    TRIAL_BLENDS,
    VALIDATION_SHARE,
    open_validation,
    sharpened_score,
    wanted_queries,
)
from untilclick.rewriter.hindsight import TargetMaker, TargetSettings
from untilclick.rewriter.language import TermLanguage
from untilclick.rewriter.policy_rewriter import reader
from untilclick.rewriter.ppo_task import PPOTask
from untilclick.rewriter.ppo_trainer import PPOTrainer
from untilclick.rewriter.pseudo_queries import term_weights
from untilclick.rewriter.stage_record import BASE, PPO, TRLX_CHECKPOINTS, WARM_START, load_stage, write_stage
from untilclick.rewriter.subword_base import SubwordStart, new_subword, train_subword_base
from untilclick.rewriter.subword_config import SubwordBaseConfig
from untilclick.rewriter.training_data import clicked_queries, split_sessions
from untilclick.rewriter.training_log import TrainingLog
from untilclick.rewriter.validation import BlendChoice
from untilclick.rewriter.warm_start import loss_of, make_examples, train_warm_start
from untilclick.rewriter.workbench import Workbench
from untilclick.search.errors import DataError
from untilclick.search.records import Session


def run_base(
    bench: Workbench, run: Path, policy: PolicyConfig, config: BaseConfig, progress: Progress | None = None
) -> Path:
    """Train the base of a corpus."""
    model, vocabulary = new_policy(bench.index, policy)
    loss = train_base(model, bench.collection.corpus, bench.index, vocabulary, config, progress)
    figures = {"loss": loss, "vocabulary": float(len(vocabulary))}
    outcome = (config, BlendChoice(COLD_START, 0.0, 0.0), figures)
    return write_stage(bench, run / BASE, model, TermLanguage(vocabulary), outcome)


def run_subword_base(
    bench: Workbench,
    run: Path,
    start: SubwordStart,
    config: SubwordBaseConfig,
    progress: Progress | None = None,
) -> Path:
    """Tell a pretrained subword T5 what is asked of it. Raises ModelError when it cannot be loaded."""
    model, language = new_subword(start, bench.index)
    loss = train_subword_base(model, language, bench.collection.corpus, bench.index, config, progress)
    figures = {"loss": loss, "vocabulary": float(len(language.vocabulary))}
    outcome = (config, BlendChoice(COLD_START, 0.0, 0.0), figures)
    return write_stage(bench, run / BASE, model, language, outcome)


def run_warm_start(
    bench: Workbench,
    run: Path,
    sessions: Iterable[Session],
    config: WarmStartConfig,
    progress: Progress | None = None,
) -> Path:
    """Train on the log's hindsight pairs, from the base of the same run."""
    model, language = load_stage(bench, run / BASE)
    scorer = bench.scorer(language.vocabulary)
    split = split_sessions(sessions, VALIDATION_SHARE)
    clicked = config.learn_from == "clicks"
    queries = clicked_queries(split.training) if clicked else wanted_queries(bench, split.training)
    pairs = queries[: config.max_pairs]
    settings = TargetSettings(config.candidate_terms, config.target_terms, config.gain_floor)
    maker = TargetMaker(scorer, term_weights(bench.index, language.vocabulary), settings)
    validation = open_validation(bench, split.validation, scorer, language, config.harm_limit)
    corrector = bench.spelling if validation.corrections else None
    examples = make_examples(pairs, maker, language, bench.spelling, corrector)
    if not examples:
        raise DataError("The log holds no session whose clicked document a term could raise; log more sessions first")
    best_epoch, scores = train_warm_start(
        model,
        examples,
        config,
        lambda policy: sharpened_score(validation, reader(policy, language), *TRIAL_BLENDS),
        progress,
        loss_of(language, config),
    )
    drop_checkpoint(run)  # its PPO started from another warm start
    figures = {"pairs": float(len(pairs)), "examples": float(len(examples)), "best_epoch": float(best_epoch)}
    figures["validation_start"] = scores[0]
    outcome = (config, validation.choose_blend(reader(model, language)), figures)
    return write_stage(bench, run / WARM_START, model, language, outcome)


def run_ppo(
    bench: Workbench, run: Path, sessions: Iterable[Session], config: PPOConfig, progress: Progress | None = None
) -> Path:
    """Train on rewards, from the warm start of the same run; continues an interrupted run of the same settings."""
    task = PPOTask.of(bench, run, sessions, config)
    config = task.settings
    trainer = PPOTrainer(task.policy, task.prompts, task.environment, config, task.score)
    checkpoint = checkpoint_folder(run)
    if ppo_checkpoint.exists(checkpoint):
        ppo_checkpoint.load_checkpoint(trainer, checkpoint)
    with TrainingLog(run / f"{PPO}.log", resume_at=trainer.state.round) as log:
        trainer.train(log, lambda: ppo_checkpoint.save_checkpoint(trainer, checkpoint), progress)
    figures = {"rollouts": float(trainer.state.rollouts), "best_round": float(trainer.state.best_round)}
    folder = task.write(bench, run, task.policy, figures)
    drop_checkpoint(run)
    return folder


def checkpoint_folder(run: Path) -> Path:
    """Where an interrupted PPO run keeps what it continues from."""
    return run / f"{PPO}.checkpoint"


def drop_checkpoint(run: Path) -> None:
    """Forget an interrupted PPO run of either backend, so that the next one starts from the warm start."""
    for folder in (checkpoint_folder(run), run / TRLX_CHECKPOINTS):
        shutil.rmtree(folder, ignore_errors=True)
