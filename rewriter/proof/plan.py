"""The parts of a proof and the work that each is expected to take, for one progress over all of them.

Work is in milliseconds of a core, as `untilclick train final` takes them on Python's documentation with a sentence
encoder. Only its proportions matter: the time that is left follows from the time that the work done has taken.
"""

from __future__ import annotations

from pathlib import Path

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.show import Part
from untilclick.rewriter.evaluation.judge import MAX_JUDGED
from untilclick.rewriter.judging.evidence import FEW_NEEDS
from untilclick.rewriter.judging.gate import Use
from untilclick.rewriter.judging.returning import Returning
from untilclick.rewriter.proof.contest import JudgingConfig
from untilclick.rewriter.proof.retraining import learned_stages
from untilclick.rewriter.stages.record import PPO, STAGE_FILE, WARM_START, StageRecord, read_stage
from untilclick.rewriter.stages.warm_start import LEAST_FURTHER

JUDGING = "judging new needs"
LEARNING_ALL, LEARNING_RETURNING = "learning from all sessions", "learning returning queries"
JUDGING_RETURNING = "judging returning queries"
CHECK = "checking the refit"

ANSWER = 15
"""One query rewritten and searched."""
STEP, ROUND = 160, 900
"""An optimiser step of supervised training on 64 examples, and a round of PPO."""
CHOICE = 20_000
"""Choosing the blend of a stage that is trained anew."""
CHECKED = 1_500
"""Largest number of training queries that a refit is checked on, as `TermLanguage.validation_limit`; that of subword
models is smaller."""


def part_of_folds(stage: Path) -> str:
    """The part in which a stage is trained anew without the needs that judge it."""
    return f"{_named(stage)} in folds"


def part_of_refit(stage: Path) -> str:
    """The part in which a stage is trained on the whole log."""
    return f"refit of the {_named(stage)}"


def planned(
    run: RunConfig, sides: LogSides, judging: JudgingConfig, returning: Returning | None, *, has_before: bool
) -> list[Part]:
    """All parts that a proof may have. `returning` are the queries of the log that return, None if they are not
    learned; `has_before`: whether a version that has learned answers now."""
    n_judged = min(len(sides.judged), MAX_JUDGED)
    parts = [Part(JUDGING, (6 if has_before else 4) * n_judged * ANSWER)]
    if sides.record is not None and sides.record.n_needs < FEW_NEEDS:
        folds = judging.folds
        parts += [Part(part_of_folds(each), folds * (_training(each) + CHOICE)) for each in learned_stages(run.out)]
    if returning is not None and (learning := _taught(run)):
        parts += [*learning, Part(JUDGING_RETURNING, 2 * returning.record.n_judged * ANSWER)]
    return parts + planned_for(Use.LEARNED, run)


def planned_for(use: Use, run: RunConfig) -> list[Part]:
    """The parts that are left when it is known what may answer."""
    if use.is_scoped:
        return _taught(run)
    if use is not Use.LEARNED or not (stages := learned_stages(run.out)):
        return []
    return [*(Part(part_of_refit(stage), _refit(stage)) for stage in stages), Part(CHECK, 2 * CHECKED * ANSWER)]


def _taught(run: RunConfig) -> list[Part]:
    """The parts of learning from the visitors of a log, see `returning.taught`; none without a warm start."""
    warm_start = run.out / WARM_START
    if not (warm_start / STAGE_FILE).is_file():
        return []
    return [Part(LEARNING_ALL, _training(warm_start)), Part(LEARNING_RETURNING, LEAST_FURTHER * STEP)]


def _training(stage: Path) -> int:
    """The work of training a stage with the settings of its record, to the end of its schedule."""
    record = read_stage(stage)
    if record.stage == PPO:
        return int(record.config.get("iterations", 1)) * ROUND
    return int(record.config.get("epochs", 1)) * _pass(record)


def _refit(stage: Path) -> int:
    """The work of training a stage for as long as its best weights had taken."""
    figures = read_stage(stage).figures
    if "best_step" in figures:  # of PPO in trlX
        return int(figures["best_step"]) * STEP
    if "best_round" in figures:
        return int(figures["best_round"]) * ROUND
    return int(figures.get("best_epoch", 1)) * _pass(read_stage(stage))


def _pass(record: StageRecord) -> int:
    """The work of one pass over the examples of a supervised stage."""
    return int(record.figures.get("examples", record.figures.get("weighted", 0.0))) * STEP // 64


def _named(stage: Path) -> str:
    return stage.name.replace("_", " ")
