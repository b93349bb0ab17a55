"""The rewriter behind the service and the evaluation: prompts in, weighted queries out. No torch.

Where the logits come from is an argument: a CTranslate2 bundle when serving (`runtime.py`), the torch policy right
after training (`policy/logits.py`). Everything else is the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.prompts import Prompt, SpellingCandidates
from untilclick.rewriter.rewrite import Reason, Rewrite, RewriteRequest
from untilclick.rewriter.serving.blend import (
    BlendSettings,
    Clause,
    Clauses,
    added_words,
    compose,
    context_words,
    expand,
    original_clauses,
    readable,
    score_gap,
    surface_terms,
    with_context,
)
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import WeightedQuery
from untilclick.search.text.analysis import term_of, words

NextTermLogits = Callable[[Sequence[Prompt]], NDArray[np.float32]]
"""(B, V) logits of the first generated term for B prompts."""

MAX_QUERY_CHARACTERS = 1000
"""Longer queries are searched as typed."""


class Spelling(SpellingCandidates, Protocol):
    """What a rewriter needs of `untilclick.search.text.spelling.SpellingCorrector`."""

    def correct(self, query: str) -> str | None:
        """The query with unknown words replaced, None where nothing changes."""


class TermRewriter:
    """Rewrites queries with a next-term distribution."""

    def __init__(
        self,
        version: str,
        logits: NextTermLogits,
        language: Language,
        spelling: Spelling,
        engine: SearchEngine,
        settings: BlendSettings,
    ) -> None:
        self._version = version
        self._logits = logits
        self._language = language
        self._spelling = spelling
        self._engine = engine
        self._settings = settings

    @property
    def version(self) -> str:
        """Identifies model and settings."""
        return self._version

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[Rewrite]:
        """One answer per request, in order."""
        requests = [self._about_something(request) for request in requests]
        answers: list[Rewrite | None] = [_refused(request.query) for request in requests]
        open_rows = [row for row, answer in enumerate(answers) if answer is None]
        prompts = [self._language.prompt(requests[row], self._spelling) for row in open_rows]
        if prompts:
            for row, prompt, logits in zip(open_rows, prompts, self._logits(prompts), strict=True):
                answers[row] = self._answer(requests[row], prompt, logits)
        return [answer for answer in answers if answer is not None]

    def _about_something(self, request: RewriteRequest) -> RewriteRequest:
        """The request, without history where no word of the query itself is known: whatever earlier queries alone
        bring up is no answer to it."""
        if not request.history:
            return request
        alone = RewriteRequest(request.query)
        return alone if self._language.prompt(alone, self._spelling).empty else request

    def _answer(self, request: RewriteRequest, prompt: Prompt, logits: NDArray[np.float32]) -> Rewrite:
        query, settings = request.query, self._settings
        corrected = self._spelling.correct(query) if settings.corrections else None
        context = self._context(request)
        expansion = expand(logits, prompt, settings)
        empty = prompt.empty or not expansion.ids.size
        trusted = not empty and expansion.confidence >= settings.min_confidence
        if not trusted and corrected is None and not context:
            reason = Reason.EMPTY_REWRITE if empty else Reason.GATED
            return Rewrite.keep(query, reason, expansion.confidence)
        terms = surface_terms(expansion, self._language.vocabulary) if trusted else ()
        original = self._typed(query, added_words(query, corrected), context)
        feedback, weights = self._feedback(original) if trusted else ((), settings)
        return Rewrite(
            query=query,
            text=readable(corrected or query, terms),
            terms=terms,
            correction=corrected,
            applied=True,
            reason=Reason.APPLIED,
            confidence=expansion.confidence,
            blend=compose(original, feedback, terms, weights),
            replace=compose(self._typed(corrected or query, (), context), (), terms, weights),
            context=context,
        )

    def _context(self, request: RewriteRequest) -> tuple[str, ...]:
        if self._settings.context <= 0:
            return ()
        return tuple(word for word in context_words(request) if self._spelling.known(word))

    def _typed(self, query: str, corrections: Sequence[str], context: Sequence[str]) -> Clauses:
        n_known = self._n_known(query)
        original = original_clauses(query, corrections, n_known)
        return with_context(original, context, n_known + len(corrections), self._settings.context)

    def _n_known(self, query: str) -> int:
        return sum(1 for word in words(query) if term_of(word) is not None and self._spelling.known(word))

    def _feedback(self, original: Clauses) -> tuple[Sequence[Clause], BlendSettings]:
        """Terms of the relevance model, and the weights that the first list leaves to them and the rewrite."""
        settings = self._settings
        if settings.feedback <= 0 and settings.full_gap <= 0:
            return (), settings
        n = settings.feedback_terms if settings.feedback > 0 else 0
        found = self._engine.feedback(WeightedQuery(original), n)
        return found.terms, settings.scaled(score_gap(found.scores)) if settings.full_gap > 0 else settings


def _refused(query: str) -> Rewrite | None:
    """The answer to queries that no model is asked about."""
    if len(query) > MAX_QUERY_CHARACTERS:
        return Rewrite.keep(query, Reason.QUERY_TOO_LONG)
    if not any(term_of(word) is not None for word in words(query)):
        return Rewrite.keep(query, Reason.EMPTY_QUERY)
    return None
