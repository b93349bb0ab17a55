"""Functions that callers pass to a training: one that reports progress, one that scores a policy."""

from __future__ import annotations

from collections.abc import Callable

from untilclick.rewriter.data.show import Steps, Units, unseen
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.training.scored import Scored

Progress = Steps
"""Called with the steps done, all steps, the last loss (supervised stages) or mean reward (PPO), NaN for work without
either, and the name of the part, if there are several."""

Validation = Callable[[T5Policy], Scored | float]
"""Score of a policy on held-out queries; higher is better."""


def units_of(progress: Progress | None) -> Units:
    """Show what is no training, and has no loss, as the progress of a training is shown; None shows nothing."""
    if progress is None:
        return unseen
    return lambda done, total, part="": progress(done, total, float("nan"), part)
