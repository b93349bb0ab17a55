"""The best weights of a training by validation: kept while it goes on, put back at its end."""

from __future__ import annotations

import copy

from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.training.callbacks import Validation


class BestWeights:
    """Validates a policy epoch by epoch; the weights before training are epoch 0."""

    def __init__(self, policy: T5Policy, validation: Validation) -> None:
        self._policy = policy
        self._validation = validation
        self.scores = [validation(policy)]
        """Validation scores, the first of them before training."""
        self.epoch = 0
        """The epoch of the best score, the earliest of equals."""
        self._weights = copy.deepcopy(policy.state_dict())

    @property
    def stale(self) -> int:
        """Epochs since the best."""
        return len(self.scores) - 1 - self.epoch

    def offer(self) -> None:
        """Validate the present weights as the next epoch's and keep them if they are the best."""
        self.scores.append(self._validation(self._policy))
        if self.scores[-1] > self.scores[self.epoch]:
            self.epoch, self._weights = len(self.scores) - 1, copy.deepcopy(self._policy.state_dict())

    def restore(self) -> None:
        """Put the best weights back into the policy."""
        self._policy.load_state_dict(self._weights)
