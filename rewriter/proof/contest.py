"""Two rewriters on the judged side of a log."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.evaluation.champion import Contestant, judge
from untilclick.rewriter.judging.evidence import LEAST_JUDGED, Finding, Verdict
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.rewriter.training.held_out import judged_queries
from untilclick.search.corpora.opened import OpenedCollection


@dataclass(frozen=True)
class Judging:
    """How versions are judged."""

    clauses: int = 512
    """Number of heaviest clauses of a rewrite that the service searches."""
    folds: int = 5
    """Outer folds over the needs of a log of few needs."""
    seed: int = 0
    """Seed of resampling and folds."""


def contest(
    version: Contestant, other: Contestant, opened: OpenedCollection, sides: LogSides, judging: Judging
) -> Finding:
    """Compare two rewriters on the judged sessions of a log; the finding is about `version`."""
    rng = np.random.default_rng([judging.seed, 3])
    comparison = judge(version, other, judged_queries(opened, sides), judging.clauses, rng)
    verdict, reason = Verdict.CANNOT_SAY, ""
    if comparison.n < LEAST_JUDGED:
        reason = f"{comparison.n} needs with a click were kept apart, and {LEAST_JUDGED} are needed"
    elif comparison.p < 0.025:
        verdict = Verdict.BETTER if comparison.difference > 0 else Verdict.WORSE
    return Finding(
        other.name,
        verdict,
        comparison.measure,
        comparison.difference,
        comparison.ci95,
        comparison.p,
        comparison.harmed_share,
        comparison.n,
        comparison.n,
        reason=reason,
    )


def contestant(name: str, stage: Path, opened: OpenedCollection) -> Contestant:
    """A stage as the service would use it."""
    return Contestant(name, stage_rewriter(stage, opened.spelling, opened.engine), opened.engine)
