"""Functions that callers pass to a training: one that reports progress, one that scores a policy."""

from __future__ import annotations

from collections.abc import Callable

from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.training.scored import Scored

Progress = Callable[[int, int, float], None]
"""Called with the steps done, all steps, and the last loss (supervised stages) or mean reward (PPO)."""

Validation = Callable[[T5Policy], Scored | float]
"""Score of a policy on held-out queries; higher is better."""
