"""The torch policy as a rewriter, for validation in training and evaluation right after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from untilclick.rewriter.blend import BlendSettings
from untilclick.rewriter.language import Language, SubwordLanguage
from untilclick.rewriter.policy import T5Policy
from untilclick.rewriter.prompts import Prompt
from untilclick.rewriter.term_rewriter import NextTermLogits, Spelling, TermRewriter
from untilclick.rewriter.token_beams import likeliest
from untilclick.search.engine import SearchEngine

BATCH = 128
BEAM_BATCH = 32
"""Prompts whose beams are searched together."""


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


class PolicyTexts:
    """The terms of the likeliest texts of a subword policy in evaluation mode, as log-probabilities."""

    def __init__(self, policy: T5Policy, language: SubwordLanguage) -> None:
        self._policy = policy.eval()
        self._language = language

    def __call__(self, prompts: Sequence[Prompt]) -> NDArray[np.float32]:
        """(B, V) of `SubwordLanguage.log_probs`."""
        settings, rows = self._language.settings, []
        for start in range(0, len(prompts), BEAM_BATCH):
            part = prompts[start : start + BEAM_BATCH]
            answers = likeliest(self._policy, self._policy.batch(part), settings.beams, settings.length)
            rows += [self._language.log_probs(one, prompt) for one, prompt in zip(answers, part, strict=True)]
        return np.stack(rows)


def reader(policy: T5Policy, language: Language) -> NextTermLogits:
    """What a policy says of terms, whichever language it speaks; it is left in evaluation mode."""
    return PolicyTexts(policy, language) if isinstance(language, SubwordLanguage) else PolicyLogits(policy)


def policy_rewriter(
    policy: T5Policy,
    language: Language,
    spelling: Spelling,
    engine: SearchEngine,
    settings: BlendSettings,
) -> TermRewriter:
    """A rewriter on the policy's present weights."""
    return TermRewriter("unexported", reader(policy, language), language, spelling, engine, settings)
