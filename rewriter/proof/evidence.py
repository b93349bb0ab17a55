"""The evidence of a run: its last stage against the query as typed, the untrained rewriter and the version before, on
needs that it has not learned from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.evaluation.champion import Contestant
from untilclick.rewriter.judging.evidence import AS_TYPED, FEW_NEEDS, UNTRAINED, Evidence, Finding
from untilclick.rewriter.judging.gate import Answering
from untilclick.rewriter.judging.split_record import SplitRecord
from untilclick.rewriter.proof.contest import Judging, contest, contestant
from untilclick.rewriter.proof.few_needs import contest_in_folds
from untilclick.rewriter.proof.learned_from import Numbers, unknown_to
from untilclick.rewriter.proof.retraining import judged_stage
from untilclick.rewriter.proof.returning import contest_of_returning
from untilclick.rewriter.proof.show import ShowProgress, silently
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
    judging: Judging,
    show: ShowProgress = silently,
    before: Before | None = None,
) -> Evidence:
    """Judge the last stage of a run. `before` answers now, if a version does that has learned.

    Raises ModelError for a run without a stage that learned from a log, and for one of an earlier version, whose log
    was not split by need.
    """
    twin = judged_stage(run.out)
    record = check_split(twin, sides)
    with show("Judging") as update:
        rivals = [Contestant(AS_TYPED, None, opened.engine), contestant(UNTRAINED, run.out / BASE, opened)]
        version = contestant(twin.name, twin, opened)
        contests = [(version, rivals[0], sides), (version, rivals[1], sides), (rivals[1], rivals[0], sides)]
        if before is not None and before.split_key in (None, run.split_key.name):
            contests.append((version, before.on_new_needs, unknown_to(before.learned_from, sides, run.split_key)))
        findings = []
        for done, (one, other, judges) in enumerate(contests):
            update(done, len(contests))
            findings.append(contest(one, other, opened, judges, judging))
    if before is not None and len(findings) == 3:
        reason = "another key decided which needs judge it, so it may have learned from those that judge now"
        findings.append(Finding.unknown(before.answering.version, reason))
    typed, untrained, start = findings[:3]
    if record.n_needs < FEW_NEEDS:
        untrained = contest_in_folds(run, opened, sides, judging, show)
    returning = contest_of_returning(run, opened, sides, judging, show)
    return Evidence(record, typed, untrained, start, findings[3] if before else None, returning)


def check_split(twin: Path, sides: LogSides) -> SplitRecord:
    """The record of a log's split. Raises ModelError for the log of a run of an earlier version, which was not split
    by need."""
    if sides.record is None:
        raise ModelError(
            f"{twin} was trained by an earlier version of the program, on needs that also judge it; train it again"
        )
    return sides.record
