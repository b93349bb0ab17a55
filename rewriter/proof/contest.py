"""Two rewriters on sessions of a log that neither has learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from untilclick.rewriter.data.click_judgments import judged_inputs
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.evaluation.judge import Contestant, Decision, by_test, judge
from untilclick.rewriter.judging.evidence import Finding
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.stages.reader import stage_rewriter
from untilclick.search.corpora.opened import OpenedCollection


@dataclass(frozen=True)
class JudgingConfig:
    """How versions are judged."""

    clauses: int = 512
    """Number of heaviest clauses of a rewrite that the service searches."""
    folds: int = 5
    """Outer folds over the needs of a log of few needs."""
    seed: int = 0
    """Seed of resampling and folds."""


def contest(
    version: Contestant,
    other: Contestant,
    opened: OpenedCollection,
    sides: LogSides,
    judging: JudgingConfig,
    decide: Decision = by_test,
) -> Finding:
    """Compare two rewriters on the judged sessions of a log; the finding is about `version`."""
    topics = opened.collection.all_topics
    judged = judged_inputs(sides.judged, topics, sides.need_of, sides.is_typed_in_training)
    rng = np.random.default_rng([judging.seed, 3])
    return judge(version, other, judged, judging.clauses, rng, decide)


def contestant(name: str, stage: Path, opened: OpenedCollection, blend: BlendSettings | None = None) -> Contestant:
    """A stage as the service would use it, in its own blend or in another one."""
    return Contestant(name, stage_rewriter(stage, opened, blend), opened.engine)
