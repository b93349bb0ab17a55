"""Stage `offline`: from what people tried and clicked, with the log alone. For a team with traffic and no simulator.

Nothing is searched in training; the validation queries, kept back from the log, are ranked to choose epoch and blend.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from untilclick.rewriter.blend import BlendSettings
from untilclick.rewriter.callbacks import Progress
from untilclick.rewriter.config import OfflineConfig
from untilclick.rewriter.held_out import VALIDATION_SHARE, never_worse, open_validation, sharpened_score
from untilclick.rewriter.language import Language, SubwordLanguage
from untilclick.rewriter.offline_data import ActionSettings, LoggedAction, logged_actions, mean_return
from untilclick.rewriter.policy import T5Policy
from untilclick.rewriter.policy_rewriter import reader
from untilclick.rewriter.reward_weighted import train_reward_weighted, weigh
from untilclick.rewriter.stage_record import (
    BASE,
    OFFLINE,
    STAGE_FILE,
    WARM_START,
    load_stage,
    read_stage,
    write_stage,
)
from untilclick.rewriter.training_data import split_sessions
from untilclick.rewriter.trlx_stage import require_trlx
from untilclick.rewriter.validation import ValidationSet
from untilclick.rewriter.workbench import Workbench
from untilclick.search.errors import DataError, ModelError
from untilclick.search.records import Session


@dataclass(frozen=True)
class OfflineTask:
    """Everything a method needs besides its configuration."""

    start: Path
    """Folder of the model that training goes on from."""
    policy: T5Policy
    """That model; trained in place."""
    language: Language
    actions: tuple[LoggedAction, ...]
    validation: ValidationSet
    blend: BlendSettings
    """Chosen for that model."""

    @classmethod
    def of(cls, bench: Workbench, run: Path, sessions: Iterable[Session], config: OfflineConfig) -> OfflineTask:
        """Read the start of a run and the log. Raises ModelError without a model to start from or with one of other
        documents, DataError where the log tells of no rewritten query, of no click after one, or has nothing to
        validate on."""
        start = start_folder(run)
        policy, language = load_stage(bench, start)
        if isinstance(language, SubwordLanguage):
            raise ModelError(
                f"{start} is a subword T5, and offline learning is over index terms; use `untilclick train ppo --set "
                "ppo.reward=hindsight`, which needs no more than a log either"
            )
        split = split_sessions(sessions, VALIDATION_SHARE)
        settings = ActionSettings(config.terms, config.discount, config.max_samples)
        actions = logged_actions(split.training, language.vocabulary, bench.spelling, settings)
        if mean_return(actions) <= 0:
            raise DataError(
                "The log holds no click after a query was rewritten, by its writer or by the service; "
                "log more sessions"
            )
        scorer = bench.scorer(language.vocabulary)
        validation = open_validation(bench, split.validation, scorer, language, config.harm_limit)
        return cls(start, policy, language, tuple(actions), validation, read_stage(start).blend)

    def score(self, policy: T5Policy) -> float:
        """nDCG@10 on the validation queries, in the start's blend at the better sharpness of the grid."""
        return sharpened_score(self.validation, reader(policy, self.language), self.blend)


def start_folder(run: Path) -> Path:
    """The warm start of a run, or its base where there is no warm start."""
    return run / (WARM_START if (run / WARM_START / STAGE_FILE).is_file() else BASE)


def run_offline(
    bench: Workbench, run: Path, sessions: Iterable[Session], config: OfflineConfig, progress: Progress | None = None
) -> Path:
    """Train on a log's actions and returns, from the warm start of the same run or else its base; returns the stage's
    folder. Raises ModelError without a model to start from or with one of other documents, DataError where the log
    tells of no rewritten query, of no click after one, or has nothing to validate on, and UntilclickError for `ilql`
    without trlX or with less than one pass."""
    if config.method == "ilql":
        require_trlx("--method rwft")
    task = OfflineTask.of(bench, run, sessions, config)
    figures = {
        "actions": float(len(task.actions)),
        "taken": float(sum(one.count for one in task.actions)),
        "mean_return": mean_return(task.actions),
    }
    if config.method == "ilql":
        from untilclick.rewriter.ilql_stage import train_ilql

        figures |= train_ilql(task, run, config, progress)
    else:
        figures |= _train_reward_weighted(task, config, progress)
    choice = never_worse(task.validation, reader(task.policy, task.language), task.blend)
    outcome = (config, choice, figures)
    return write_stage(bench, run / OFFLINE, task.policy, task.language, outcome)


def _train_reward_weighted(task: OfflineTask, config: OfflineConfig, progress: Progress | None) -> dict[str, float]:
    weighted = weigh(task.actions, config)
    epoch, scores = train_reward_weighted(task.policy, weighted, config, task.score, progress)
    return {"best_epoch": float(epoch), "validation_start": scores[0], "validation_best": max(scores)}
