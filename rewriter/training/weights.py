"""Weights of a training besides the present ones: the best so far by a score, and their average over time."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import NamedTuple

from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.training.callbacks import Validation
from untilclick.rewriter.training.scored import Floats, Scored


@dataclass
class BestScore:
    """The best of the scores that were offered."""

    score: float = -float("inf")
    """-inf before the first offer."""
    step: int = 0
    """Epoch, round or optimiser step that reached it; 0 is the start of training."""
    stale: int = 0
    """Offers since that were not better."""

    def offer(self, score: float, step: int) -> bool:
        """Compare a score with the best so far; True if it is better. Of equal scores the earliest stays the best."""
        if score > self.score:
            self.score, self.step, self.stale = score, step, 0
            return True
        self.stale += 1
        return False


@dataclass
class LastOfBest(BestScore):
    """The best score, and the last step whose score cannot be told from it, `step`.

    Held-out needs show what training taught for all needs. What it taught for the needs of the log helps when they
    return, and shows on no held-out need: of equally good weights, those that learned longest are the better ones.
    """

    values: Floats | None = field(default=None, compare=False)
    """(n,) the best score, query by query; None if only its mean is known."""

    def takes(self, score: Scored | float, step: int) -> bool:
        """Whether a score is better than all before, or cannot be told from the best; `step` is kept if so."""
        scored = Scored.of(score)
        if self.offer(scored.mean, step):
            self.values = scored.values
        elif scored.is_level_with(Scored(self.score, self.values)):
            self.step = step
        else:
            return False
        return True


class BestWeights(LastOfBest):
    """The best score, with a copy of the last weights that cannot be told from those that reached it."""

    def __init__(self, policy: T5Policy, score: float = -float("inf")) -> None:
        """Starts with the weights before training and their score, if it is known."""
        super().__init__(score)
        self.weights = copy.deepcopy(policy.state_dict())

    def keep(self, policy: T5Policy, score: Scored | float, step: int) -> None:
        """Copy the policy's weights if their score is better than all before, or cannot be told from the best."""
        if self.takes(score, step):
            self.weights = copy.deepcopy(policy.state_dict())

    def restore(self, policy: T5Policy) -> None:
        """Put the best weights into a policy."""
        policy.load_state_dict(self.weights)


class TrainedEpochs(NamedTuple):
    """How a training went that was validated after each epoch."""

    best_epoch: int
    """The epoch whose weights are left; 0 if none is as good as the start."""
    scores: tuple[float, ...]
    """Validation scores, the first of them before training."""

    @property
    def best_score(self) -> float:
        """Validation score of the weights that are left."""
        return self.scores[self.best_epoch]


class EpochValidation:
    """Validates a policy before training and after each epoch, and keeps the best weights."""

    def __init__(self, policy: T5Policy, validation: Validation) -> None:
        self._policy = policy
        self._validation = validation
        self._best = BestWeights(policy)
        self._scores: list[float] = []
        self.validate()

    @property
    def stale(self) -> int:
        """Epochs since the best."""
        return self._best.stale

    def validate(self) -> None:
        """Validate the weights after an epoch."""
        score = self._validation(self._policy)
        self._best.keep(self._policy, score, len(self._scores))
        self._scores.append(Scored.of(score).mean)

    def finish(self) -> TrainedEpochs:
        """Put the best weights back into the policy."""
        self._best.restore(self._policy)
        return TrainedEpochs(self._best.step, tuple(self._scores))


class WeightAverage(AveragedModel):
    """Exponential average of a policy's weights, which is steadier than the last step and usually better on unseen
    data. `update_parameters` moves it towards the present weights.

    Polyak & Juditsky, SIAM J. Control 1992; Izmailov et al., "Averaging Weights Leads to Wider Optima and Better
    Generalization", UAI 2018; for policies Rame et al., "WARP", 2024.
    """

    module: T5Policy
    """The policy with the averaged weights, in evaluation mode."""

    def __init__(self, policy: T5Policy, decay: float) -> None:
        """`decay` in [0, 1] is the share of the old average at each update; at 0 the average is the policy itself."""
        super().__init__(policy, multi_avg_fn=get_ema_multi_avg_fn(decay))  # type: ignore[no-untyped-call]
        self.n_averaged.fill_(1)  # else the first update would overwrite the weights before training
        self.eval().requires_grad_(False)
