"""The evidence of a run: its last stage against the query as typed, the untrained rewriter and the version before, on
needs that it has not learned from.
"""

from __future__ import annotations

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.evaluation.champion import Contestant
from untilclick.rewriter.judging.evidence import AS_TYPED, FEW_NEEDS, UNTRAINED, Evidence
from untilclick.rewriter.proof.contest import Judging, contest, contestant
from untilclick.rewriter.proof.few_needs import contest_in_folds
from untilclick.rewriter.proof.retraining import judged_stage
from untilclick.rewriter.proof.show import ShowProgress, silently
from untilclick.rewriter.stages.record import BASE
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError


def find_evidence(
    run: RunConfig,
    opened: OpenedCollection,
    sides: LogSides,
    judging: Judging,
    show: ShowProgress = silently,
    before: Contestant | None = None,
) -> Evidence:
    """Judge the last stage of a run. `before` is the twin of the version that answers now, if that has learned.

    Raises ModelError for a run without a stage that learned from a log, and for one of an earlier version, whose log
    was not split by need.
    """
    twin = judged_stage(run.out)
    if sides.record is None:
        raise ModelError(
            f"{twin} was trained by an earlier version of the program, on needs that also judge it; train it again"
        )
    with show("Judging") as update:
        rivals = [Contestant(AS_TYPED, None, opened.engine), contestant(UNTRAINED, run.out / BASE, opened)]
        version = contestant(twin.name, twin, opened)
        contests = [(version, rivals[0]), (version, rivals[1]), (rivals[1], rivals[0])]
        if before is not None:
            contests.append((version, before))
        findings = []
        for done, (one, other) in enumerate(contests):
            update(done, len(contests))
            findings.append(contest(one, other, opened, sides, judging))
    typed, untrained, start = findings[:3]
    if sides.record.n_needs < FEW_NEEDS:
        untrained = contest_in_folds(run, opened, sides, judging, show)
    return Evidence(sides.record, typed, untrained, start, findings[3] if before is not None else None)
