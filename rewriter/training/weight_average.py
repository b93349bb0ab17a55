"""An exponential average of a model's weights: steadier than the last step, and usually better on unseen data."""

from __future__ import annotations

import copy

import torch

from untilclick.rewriter.policy.t5 import T5Policy


class WeightAverage:
    """Follows a policy in training.

    Polyak & Juditsky, SIAM J. Control 1992; Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
    Generalization", UAI 2018; for policies Rame et al., "WARP", 2024.
    """

    def __init__(self, policy: T5Policy, decay: float) -> None:
        """`decay` in [0, 1) is the share of the old average at each update; at 0 the average is the policy itself."""
        self.policy = copy.deepcopy(policy).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, policy: T5Policy) -> None:
        """Move the average towards the present weights."""
        for averaged, present in zip(self.policy.parameters(), policy.parameters(), strict=True):
            averaged.lerp_(present, 1.0 - self._decay)
