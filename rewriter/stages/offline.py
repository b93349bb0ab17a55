"""Stage `offline`: learns from the rewrites and clicks of a log alone. For a team with traffic and no simulator.

Training runs no search. Only the validation queries, which are held out from the log, are ranked, to choose the epoch
and the blend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_actions import ActionSettings, LoggedAction, logged_actions, mean_return
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.stages.input import LogInput, Sources, StageInput, open_sources
from untilclick.rewriter.stages.ppo_trlx import require_trlx
from untilclick.rewriter.stages.record import BASE, OFFLINE, STAGE_FILE, WARM_START, StageOutcome, read_stage
from untilclick.rewriter.training.callbacks import Progress
from untilclick.rewriter.training.reward_weighted import RewardWeightedCourse, train_reward_weighted, weigh
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError

FOR_SUBWORDS = (
    "offline learning needs a model over index terms. Use `untilclick train ppo --set ppo.reward=hindsight`, which "
    "also needs no more than a log"
)
"""Remedy for a subword T5."""


@dataclass(frozen=True)
class OfflineStage:
    """One run of the stage."""

    run: RunConfig
    training: OfflineConfig = field(default_factory=OfflineConfig)


class OfflineInput(NamedTuple):
    """The model to start from and the actions to learn from."""

    start: StageInput
    actions: tuple[LoggedAction, ...]


def main(
    config: OfflineStage,
    opened: OpenedCollection | None = None,
    log: LogInput | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train on a log's actions and returns, starting with the warm start of the same run, or with its base if there
    is no warm start; returns the stage's folder. Give `opened` and `log` if they are open already.

    Raises ModelError without a model to start from or with a model of other documents, DataError for a log without
    rewritten queries, without a click after one, or without queries to validate on, and UntilclickError for `ilql`
    without trlX or with less than one pass."""
    run, training = config.run.out, config.training
    if training.method == "ilql":
        require_trlx("--method rwft")
    with open_sources(config.run, opened, log) as sources:
        start, actions = read_actions(sources, run, training)
    figures = _figures(actions)
    if training.method == "ilql":
        from untilclick.rewriter.stages.ilql import train_ilql

        figures |= train_ilql(start, actions, run, training, progress)
    else:
        figures |= _train_reward_weighted(start, actions, training, progress)
    return start.write(run / OFFLINE, StageOutcome(training, start.never_worse(start.policy, progress), figures))


def refit(
    config: OfflineStage, twin: Path, opened: OpenedCollection, sides: LogSides, progress: Progress | None = None
) -> Path:
    """Train by return-weighted regression on the training sessions of `sides` with the choices of `twin`, a folder of
    this stage: as many steps on the same schedule, the same blend, and no validation. Returns the stage's folder.
    Raises as `main`."""
    run, training, record = config.run.out, config.training, read_stage(twin)
    start, actions = _actions(Sources(opened, sides, config.run.split_key), run, training)
    weighted = weigh(actions, training)
    an_epoch = -(-int(record.figures["weighted"]) // training.batch_size)
    course = RewardWeightedCourse(start.policy, weighted, training, training.epochs * an_epoch, progress)
    course.train(islice(course.batches(), int(record.figures["best_epoch"]) * an_epoch))
    figures = {**record.figures, **_figures(actions), "weighted": float(len(weighted))}
    return start.write(run / OFFLINE, StageOutcome.as_chosen(training, record, figures))


def read_actions(sources: Sources, run: Path, config: OfflineConfig) -> OfflineInput:
    """The input of the stage and the actions of its log. Raises the errors of `main`."""
    offline_input = _actions(sources, run, config)
    _ = offline_input.start.validation  # raises before any training
    return offline_input


def _actions(sources: Sources, run: Path, config: OfflineConfig) -> OfflineInput:
    """The same for a training without validation."""
    start = StageInput.read(sources, start_folder(run), config.caution).with_typed_words()
    vocabulary = start.language.as_terms(start.start, FOR_SUBWORDS).vocabulary
    settings = ActionSettings(config.terms, config.discount, config.max_samples)
    actions = logged_actions(start.sides.training, vocabulary, start.opened.spelling, settings)
    if mean_return(actions) <= 0:
        raise DataError(
            "The log holds no click after a query was rewritten, by its writer or by the service; log more sessions"
        )
    return OfflineInput(start, tuple(actions))


def _figures(actions: Sequence[LoggedAction]) -> dict[str, float]:
    """What a log teaches, in numbers."""
    return {
        "actions": float(len(actions)),
        "taken": float(sum(action.count for action in actions)),
        "mean_return": mean_return(actions),
    }


def start_folder(run: Path) -> Path:
    """The warm start of a run, or its base if there is no warm start."""
    return run / (WARM_START if (run / WARM_START / STAGE_FILE).is_file() else BASE)


def _train_reward_weighted(
    start: StageInput, actions: Sequence[LoggedAction], config: OfflineConfig, progress: Progress | None
) -> dict[str, float]:
    weighted = weigh(actions, config)
    trained = train_reward_weighted(start.policy, weighted, config, start.score, progress)
    return {
        "weighted": float(len(weighted)),
        "best_epoch": float(trained.best_epoch),
        "validation_start": trained.scores[0],
        "validation_best": trained.best_score,
    }
