"""The torch policy as a rewriter, for evaluation right after training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from rewriter.blend import BlendSettings
from rewriter.policy import T5Policy
from rewriter.prompts import Prompt
from rewriter.term_rewriter import Spelling, TermRewriter
from rewriter.vocabulary import TermVocabulary
from search.engine import SearchEngine

BATCH = 128


class PolicyLogits:
    """The next-term distribution of a policy in evaluation mode, as logits."""

    def __init__(self, policy: T5Policy) -> None:
        self._policy = policy.eval()

    @torch.no_grad()
    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) log-probabilities of the first generated term; what a prompt never generates is near -1e9."""
        parts = []
        for start in range(0, len(prompts), BATCH):
            batch = self._policy.batch(prompts[start : start + BATCH])
            parts.append(self._policy.first_step_log_probs(batch))
        return np.asarray(torch.cat(parts).cpu().numpy(), dtype=np.float32)


def policy_rewriter(
    policy: T5Policy,
    vocabulary: TermVocabulary,
    spelling: Spelling,
    engine: SearchEngine,
    settings: BlendSettings,
) -> TermRewriter:
    """A rewriter on the policy's present weights."""
    return TermRewriter("unexported", PolicyLogits(policy), vocabulary, spelling, engine, settings)
