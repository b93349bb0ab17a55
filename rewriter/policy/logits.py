"""The distributions over index terms that a torch policy gives to prompts, for validation and evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.language.language import SubwordLanguage
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.policy.beam_search import search_beams
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.serving.term_rewriter import ModelReading

BATCH = 128
"""Prompts that a policy over terms reads together."""
BEAM_BATCH = 32
"""Prompts whose beams are searched together: each takes as much memory as one prompt for every beam."""


class PolicyLogits:
    """The next-term distribution of a policy in evaluation mode, as logits."""

    def __init__(self, policy: T5Policy) -> None:
        self._policy = policy.eval()

    @torch.no_grad()
    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) log-probabilities of the first generated term; near -1e9 for terms that are never generated."""
        return self.read(prompts).logits

    @torch.no_grad()
    def read(self, prompts: Sequence[Prompt]) -> ModelReading:
        """See `ReadsDocuments.read`."""
        log_probs, scores = [], []
        for start in range(0, len(prompts), BATCH):
            batch = self._policy.meant_batch(prompts[start : start + BATCH])
            states = self._policy.first_states(batch)
            log_probs.append(self._policy.first_step(states, batch).log_probs)  # (at most BATCH, V)
            if self._policy.memory is not None and self._policy.memory.meaning:
                scores.append(self._policy.memory.scores(states, batch.meaning))  # (at most BATCH, D)
        return ModelReading(_array(log_probs), _array(scores) if scores else None)


class PolicyTexts:
    """The terms of the likeliest texts of a subword policy in evaluation mode, as log-probabilities."""

    def __init__(self, policy: T5Policy, language: SubwordLanguage) -> None:
        self._policy = policy.eval()
        self._language = language

    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) log-probabilities of `SubwordLanguage.term_log_probs`."""
        settings, rows = self._language.settings, []
        for start in range(0, len(prompts), BEAM_BATCH):
            part = prompts[start : start + BEAM_BATCH]
            texts = search_beams(self._policy, self._policy.batch(part), settings.beams, settings.length)
            rows += [self._language.term_log_probs(best, prompt) for best, prompt in zip(texts, part, strict=True)]
        return np.stack(rows)


def _array(parts: Sequence[Tensor]) -> NDArray[np.float32]:
    return np.asarray(torch.cat(list(parts)).cpu().numpy(), dtype=np.float32)
