"""A run on a log of few needs against the untrained rewriter, in outer folds over all of them.

On few needs the choices of a training fit the needs that they are made by. So the whole training, with its choices,
is done once for every fold without the needs of the fold, which then judge it: nested cross-validation (Cawley &
Talbot, "On Over-fitting in Model Selection", JMLR 2010). It is stopped for futility (Jennison & Turnbull, "Group
Sequential Methods", 2000, chapter 10): without a lead over two folds or more the others are not trained. That costs a
small lead some power, and makes no version better by chance.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.show import ShowProgress, Units
from untilclick.rewriter.evaluation.judge import Contestant, by_standard_errors
from untilclick.rewriter.judging.evidence import UNTRAINED, Finding, Verdict
from untilclick.rewriter.judging.sentences import difference_text
from untilclick.rewriter.proof.contest import JudgingConfig, contest, contestant
from untilclick.rewriter.proof.plan import part_of_folds
from untilclick.rewriter.proof.refit import with_base_alone
from untilclick.rewriter.proof.retraining import learned_stages, train_again
from untilclick.rewriter.rewrite import Rewrite, Rewriter, RewriteRequest
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.rewriter.stages.record import BASE, latest_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError
from untilclick.search.records import Session

LEAST_FOLDS = 3
"""Smallest number of folds: a fold has needs to learn from, to choose by, and to be judged by."""
LEAST_BEFORE_STOP = 2
"""Folds after which the comparison may stop."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Fold:
    """A split of the log with a run folder of its own."""

    sides: LogSides
    run: RunConfig

    @property
    def judged(self) -> Iterator[Session]:
        """The sessions of the fold that judge: those whose first query was not typed in its training."""
        return (each for each in self.sides.judged if not self.sides.is_typed_in_training(each.turns[0].query))


def contest_in_folds(
    run: RunConfig, opened: OpenedCollection, sides: LogSides, judging: JudgingConfig, show: ShowProgress
) -> Finding:
    """Train the learned stages of a run anew for every fold, and compare the last of them with the untrained rewriter
    on all needs. If the first stage alone does not lead, the later ones are not tried, and the finding is that of the
    first. A stage that cannot be trained again gives no verdict."""
    stages, splits = learned_stages(run.out), sides.folds(judging.folds, judging.seed)
    if not stages:
        return Finding.unknown(UNTRAINED, "its training cannot be repeated in folds")
    if len(splits) < LEAST_FOLDS:
        needs = len(set(sides.needs.values()) - sides.fixed)
        return Finding.unknown(UNTRAINED, f"{needs} needs of the log can be held out, and {LEAST_FOLDS} are needed")
    with TemporaryDirectory(prefix="folds-", dir=run.out) as work:
        folds = [_Fold(split, with_base_alone(run, Path(work, str(n)))) for n, split in enumerate(splits)]
        for stage in stages:
            with show(part_of_folds(stage)) as update:
                finding = _in_folds(stage, folds, opened, sides, judging, update)
            if finding.verdict is not Verdict.BETTER:
                break
    return finding


def _in_folds(
    stage: Path,
    folds: Sequence[_Fold],
    opened: OpenedCollection,
    sides: LogSides,
    judging: JudgingConfig,
    update: Units,
) -> Finding:
    """Train a stage in all folds, or until it does not lead, and compare it."""
    for done, fold in enumerate(folds, 1):
        _train(stage, fold, opened)
        update(done, len(folds))
        if LEAST_BEFORE_STOP <= done < len(folds):
            finding = _compare(folds[:done], opened, sides, judging)
            if finding.difference <= 0:
                return replace(finding, verdict=Verdict.CANNOT_SAY, reason=_no_lead(finding, done, len(folds)))
    return _compare(folds, opened, sides, judging)


def _no_lead(finding: Finding, done: int, n_folds: int) -> str:
    differs = difference_text(finding.measure, finding.difference, finding.n_queries, finding.n_needs)
    return f"after {done} of {n_folds} folds it does not lead, {differs}, and the other folds were not trained"


def _train(stage: Path, fold: _Fold, opened: OpenedCollection) -> None:
    """Train a stage in a fold; one with nothing to learn from is left out, so that an earlier stage answers there."""
    try:
        train_again(stage, fold.run, opened, fold.sides)
    except DataError as error:
        logger.info("Fold %s has no %s: %s", fold.run.out.name, stage.name, error)


def _compare(folds: Sequence[_Fold], opened: OpenedCollection, sides: LogSides, judging: JudgingConfig) -> Finding:
    """The latest stages of all folds, each on the sessions that it was not trained on."""
    fold_of: dict[str, int] = {}
    for number, fold in enumerate(folds):
        for session in fold.judged:
            fold_of.setdefault(session.turns[0].query, number)
    judged = [
        session
        for number, fold in enumerate(folds)
        for session in fold.judged
        if fold_of[session.turns[0].query] == number
    ]
    rewriters = [stage_rewriter(latest_stage(fold.run.out), opened) for fold in folds]
    version = Contestant("in folds", _InFolds(rewriters, fold_of), opened.engine)
    untrained = contestant(UNTRAINED, folds[0].run.out / BASE, opened)
    apart = replace(sides, training=(), validation=(), judged=tuple(judged))
    return contest(version, untrained, opened, apart, judging, by_standard_errors)


class _InFolds:
    """Answers each query by the rewriter of the fold that it judges."""

    version = "in folds"

    def __init__(self, rewriters: Sequence[Rewriter], fold_of: Mapping[str, int]) -> None:
        self._rewriters, self._fold_of = rewriters, fold_of

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[Rewrite]:
        """One rewrite per request, in order."""
        return [self._rewriters[self._fold_of[each.query]].rewrite([each])[0] for each in requests]
