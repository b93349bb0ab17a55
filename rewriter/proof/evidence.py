"""The evidence of a run: its last stage against the query as typed, the untrained rewriter and the version before, on
needs that it has not learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.show import ShowProgress, silently
from untilclick.rewriter.evaluation.judge import Contestant
from untilclick.rewriter.judging.evidence import AS_TYPED, FEW_NEEDS, UNTRAINED, Evidence, Finding
from untilclick.rewriter.judging.gate import Answering
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.rewriter.proof.contest import JudgingConfig, contest, contestant
from untilclick.rewriter.proof.few_needs import contest_in_folds
from untilclick.rewriter.proof.learned_from import Numbers, unknown_to
from untilclick.rewriter.proof.plan import JUDGING
from untilclick.rewriter.proof.retraining import judged_stage
from untilclick.rewriter.proof.returning import contest_of_returning
from untilclick.rewriter.stages.record import BASE
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError


@dataclass(frozen=True)
class Before:
    """A version that has learned from a log and answers now."""

    answering: Answering
    on_new_needs: Contestant
    """What it answers to needs that it has not learned from: its twin, or its untrained part."""
    learned_from: Numbers
    """See `learned_from.py`."""
    split_key: str | None = None
    """Name of the key that decided the sides of its log; None if it is not known."""


def find_evidence(
    run: RunConfig,
    opened: OpenedCollection,
    sides: LogSides,
    judging: JudgingConfig,
    show: ShowProgress = silently,
    before: Before | None = None,
) -> Evidence:
    """Judge the last stage of a run. `before` answers now, if a version does that has learned.

    Raises ModelError for a run without a stage that learned from a log, and for one of an earlier version, whose log
    was not split by need.
    """
    twin = judged_stage(run.out)
    record = check_split(twin, sides)
    n_answers = 6 if before else 4  # two rewriters take twice as long as one against the query as typed
    with show(JUDGING) as update:
        as_typed, untrained = Contestant(AS_TYPED, None, opened.engine), contestant(UNTRAINED, run.out / BASE, opened)
        version = contestant(twin.name, twin, opened)
        against_typed = contest(version, as_typed, opened, sides, judging)
        update(1, n_answers)
        start = contest(untrained, as_typed, opened, sides, judging)
        update(2, n_answers)
        against_before = _contest_with(before, version, run, opened, sides, judging) if before else None
        update(n_answers - 2, n_answers)
        against_untrained = contest(version, untrained, opened, sides, judging)
    if record.n_needs < FEW_NEEDS:
        against_untrained = contest_in_folds(run, opened, sides, judging, show)
    returning, words = contest_of_returning(run, opened, sides, judging, show)
    return Evidence(record, against_typed, against_untrained, start, against_before, returning, words)


def _contest_with(
    before: Before,
    version: Contestant,
    run: RunConfig,
    opened: OpenedCollection,
    sides: LogSides,
    judging: JudgingConfig,
) -> Finding:
    """A version against the one before, on needs that neither has learned from."""
    if before.split_key not in (None, run.split_key.name):
        reason = "another key decided which needs judge it, so it may have learned from those that judge now"
        return Finding.unknown(before.answering.version, reason)
    unknown = unknown_to(before.learned_from, sides, run.split_key)
    return contest(version, before.on_new_needs, opened, unknown, judging)


def check_split(twin: Path, sides: LogSides) -> SplitRecord:
    """The record of a log's split. Raises ModelError for the log of a run of an earlier version, which was not split
    by need."""
    if sides.record is None:
        raise ModelError(
            f"{twin} was trained by an earlier version of the program, on needs that also judge it; train it again"
        )
    return sides.record
