"""Several models that answer as one: a term's probability is the mean of its probabilities in the models. No torch.

Models that were trained with different random numbers err on different queries, so their mean errs less than each
(Hansen & Salamon, "Neural network ensembles", IEEE PAMI 1990).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax, logsumexp

from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.serving.term_rewriter import ModelReading, NextTermLogits, read_model


class MeanLogits:
    """The mean distribution of models over one vocabulary."""

    def __init__(self, members: Sequence[NextTermLogits]) -> None:
        """`members` are the models, at least one."""
        assert members
        self._members = tuple(members)

    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) logarithm of the mean probability of the first generated term."""
        return self.read(prompts).logits

    def read(self, prompts: Sequence[Prompt]) -> ModelReading:
        """See `ReadsDocuments.read`: the mean scores of the members, which remember the same documents."""
        reads = [read_model(member, prompts) for member in self._members]
        # M arrays (B, V); their mean is taken in log space, where small probabilities do not vanish.
        log_probs = [log_softmax(read.logits.astype(np.float64), axis=1) for read in reads]
        mean = logsumexp(log_probs, axis=0) - np.log(len(log_probs))  # (B, V)
        scores = [read.documents for read in reads if read.documents is not None]
        documents = np.asarray(np.mean(scores, axis=0), dtype=np.float32) if len(scores) == len(reads) else None
        return ModelReading(np.asarray(mean, dtype=np.float32), documents)
