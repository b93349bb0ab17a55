"""The rewriter of the service and of the evaluation: requests in, weighted queries out. No torch.

The source of the logits is an argument: a CTranslate2 bundle in service (`runtime.py`), the torch policy right after
training (`policy/logits.py`). Everything else is the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.prompts import Prompt, SpellingCandidates, read_corrected
from untilclick.rewriter.rewrite import DocumentsRead, Reason, Rewrite, RewriteRequest, Unread, WeightedPrior
from untilclick.rewriter.serving.blend import (
    BlendSettings,
    Clause,
    Clauses,
    Expansion,
    added_words,
    compose,
    context_as_typed,
    context_words,
    expand,
    original_clauses,
    readable,
    readable_terms,
    score_gap,
    surface_terms,
    with_context,
)
from untilclick.rewriter.serving.readings.meaning import Meaning, QueryScores
from untilclick.rewriter.serving.readings.sums import Parts, weigh
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.records import WeightedQuery
from untilclick.search.text.encoders.encoder import Vectors

NextTermLogits = Callable[[Sequence[Prompt]], NDArray[np.float32]]
"""Function from B prompts to (B, V) logits of the first generated term."""


class ModelReading(NamedTuple):
    """What a model says of B prompts."""

    logits: NDArray[np.float32]
    """(B, V) of the first generated term."""
    documents: NDArray[np.float32] | None = None
    """(B, D) scores of the documents that it remembers, in [-1, 1]; None for a model without a memory that reads
    meaning, whose scores are not compared with cosines."""


@runtime_checkable
class ReadsDocuments(Protocol):
    """A `NextTermLogits` of a model with a memory."""

    def read(self, prompts: Sequence[Prompt]) -> ModelReading:
        """The logits and the scores of documents, by one call of the model."""


def read_model(model: NextTermLogits, prompts: Sequence[Prompt]) -> ModelReading:
    """What a model says of prompts, with the scores of documents if it gives them."""
    return model.read(prompts) if isinstance(model, ReadsDocuments) else ModelReading(model(prompts))


MAX_QUERY_CHARACTERS = 1000
"""Length beyond which a query is searched as typed."""


class Spelling(SpellingCandidates, Protocol):
    """The part of `untilclick.search.text.spelling.SpellingCorrector` that a rewriter uses."""

    def correct(self, query: str) -> str | None:
        """The query with unknown words replaced; None if no word changes."""


class OpenedModel(NamedTuple):
    """A model that is ready to read requests."""

    logits: NextTermLogits
    language: Language
    """Of the same model."""
    meaning: Meaning | None = None
    """The sentence encoder that blends with a mixture ask for; without it they leave queries as typed."""


class _Feedback(NamedTuple):
    """The effect of a query's first ranking on its blend."""

    clauses: Sequence[Clause]
    """Terms of the relevance model."""
    settings: BlendSettings
    """Weights of the blend's parts for this query."""


class TermRewriter:
    """Rewrites queries with a next-term distribution."""

    def __init__(
        self,
        version: str,
        model: OpenedModel,
        spelling: Spelling,
        engine: SearchEngine,
        settings: BlendSettings,
    ) -> None:
        """`engine` gives the terms of the relevance model."""
        self._version = version
        self._logits, self._language, self._meaning = model
        self._analysis = self._language.vocabulary.analysis
        self._spelling = spelling
        self._engine = engine
        self._settings = settings

    @property
    def version(self) -> str:
        """Identifier of model and settings."""
        return self._version

    def rewrite(self, requests: Sequence[RewriteRequest]) -> list[Rewrite]:
        """One rewrite per request, in order. The model reads all requests in one batch."""
        requests = [self._with_usable_history(request) for request in requests]
        rewrites: list[Rewrite | None] = [self._refused(request) for request in requests]
        open_rows = [row for row, rewrite in enumerate(rewrites) if rewrite is None]
        prompts = [self._language.prompt(requests[row], self._spelling) for row in open_rows]
        if prompts:
            opened = [requests[row] for row in open_rows]
            for row, rewrite in zip(open_rows, self._rewritten(opened, prompts), strict=True):
                rewrites[row] = rewrite
        return [rewrite for rewrite in rewrites if rewrite is not None]

    def knows(self, request: RewriteRequest) -> bool:
        """Whether the model knows a word of the query, or a likely spelling of one."""
        alone = RewriteRequest(request.query)
        return self._asks_on(request) or not self._language.prompt(alone, self._spelling).empty

    def _rewritten(self, requests: Sequence[RewriteRequest], prompts: Sequence[Prompt]) -> list[Rewrite]:
        """The rewrites of requests that the model can read."""
        if self._settings.mixture is None:
            return list(map(self._rewrite, requests, prompts, self._logits(prompts)))
        if self._meaning is None:
            return [Rewrite.keep(request.query, Reason.NO_ENCODER) for request in requests]
        if self._settings.corrections:
            prompts = [read_corrected(prompt, self._spelling.correct) for prompt in prompts]
        vectors = self._meaning.vectors([prompt.texts for prompt in prompts])
        read = self._read_for_mixture(self._meaning, vectors, prompts)
        if self._settings.recall == "meaning":
            prompts = [replace(prompt, query_ids=()) for prompt in prompts]  # the query's own words are recalled, too
        scores = self._meaning.scores(vectors, read.documents, with_prior=self._settings.mixture.prior > 0)
        return list(map(self._mixed, requests, prompts, read.logits, scores))

    def _read_for_mixture(self, meaning: Meaning, vectors: Vectors, prompts: Sequence[Prompt]) -> ModelReading:
        """The words and the scores of documents that the settings ask for, of prompts with sentence vectors (B, d).
        The model computes only if one of the two is its own."""
        settings = self._settings
        learned = read_model(self._logits, prompts) if "policy" in (settings.recall, settings.documents_by) else None
        documents = learned.documents if learned is not None and settings.documents_by == "policy" else None
        if learned is not None and settings.recall == "policy":
            return ModelReading(learned.logits, documents)
        return ModelReading(meaning.logits(vectors, len(self._language.vocabulary)), documents)

    def _mixed(
        self, request: RewriteRequest, prompt: Prompt, logits: NDArray[np.float32], scores: QueryScores
    ) -> Rewrite:
        """The rewrite of one request by a mixture, from its next-term logits (V,) and its scores of documents."""
        query, settings = request.query, self._settings
        assert settings.mixture is not None
        corrected = self._spelling.correct(query) if settings.corrections else None
        context = self._context(request)
        expansion = expand(logits, prompt, settings)
        terms, words = self._terms_and_words(expansion)
        typed = self._typed(query, added_words(query, corrected, self._analysis), context)
        parts = Parts(WeightedQuery(typed), WeightedQuery(terms), scores)
        weighed, unread = weigh(self._engine, parts, settings.mixture), _unread(scores)
        if weighed.typed >= 1 and corrected is None and not context:
            return replace(Rewrite.keep(query, _REASONS_TO_KEEP[unread], expansion.confidence), unread=unread)
        corrected_alone = WeightedQuery(self._typed(corrected or query, (), context))
        prior = None if scores.prior is None or not weighed.prior else WeightedPrior(scores.prior, weighed.prior)
        both = weighed.query(parts, alone=False)
        return Rewrite(
            query=query,
            text=readable(corrected or query, words, self._analysis),
            terms=words,
            correction=corrected,
            applied=True,
            reason=Reason.APPLIED,
            confidence=expansion.confidence,
            blend=weighed.query(parts, alone=True),
            replace=weighed.query(parts._replace(typed=corrected_alone), alone=True),
            context=context_as_typed(context, request, self._analysis),
            documents=None
            if scores.documents is None
            else DocumentsRead(scores.documents, weighed.documents, both, weighed.typed, prior),
            unread=unread,
        )

    def _with_usable_history(self, request: RewriteRequest) -> RewriteRequest:
        """The request, without its history if the model knows no word of the query: terms that follow from earlier
        queries alone do not answer it. `why?` asks on."""
        if not request.history or self._asks_on(request):
            return request
        alone = RewriteRequest(request.query)
        return alone if self._language.prompt(alone, self._spelling).empty else request

    def _asks_on(self, request: RewriteRequest) -> bool:
        """Whether a query of stop words alone is read by the meaning of its session: `why?` after `tech salaries`."""
        reads_sessions = self._settings.mixture is not None and self._meaning is not None
        words = request.query.strip()
        return reads_sessions and bool(request.history and words) and not self._analysis.terms(words)

    def _refused(self, request: RewriteRequest) -> Rewrite | None:
        """The unchanged query, if it is too long or empty for the model; None if the model can read it."""
        query = request.query
        if len(query) > MAX_QUERY_CHARACTERS:
            return Rewrite.keep(query, Reason.QUERY_TOO_LONG)
        if not self._analysis.terms(query) and not self._asks_on(request):
            return Rewrite.keep(query, Reason.EMPTY_QUERY)
        return None

    def _rewrite(self, request: RewriteRequest, prompt: Prompt, logits: NDArray[np.float32]) -> Rewrite:
        """The rewrite of one request from its next-term logits (V,)."""
        query, settings = request.query, self._settings
        corrected = self._spelling.correct(query) if settings.corrections else None
        context = self._context(request)
        expansion = expand(logits, prompt, settings)
        empty = prompt.empty or not expansion.ids.size
        trusted = not empty and expansion.confidence >= settings.min_confidence
        if not trusted and corrected is None and not context:
            reason = Reason.EMPTY_REWRITE if empty else Reason.GATED
            return Rewrite.keep(query, reason, expansion.confidence)
        terms, words = self._terms_and_words(expansion) if trusted else ((), ())
        original = self._typed(query, added_words(query, corrected, self._analysis), context)
        feedback = self._feedback(original) if trusted else _Feedback((), settings)
        return Rewrite(
            query=query,
            text=readable(corrected or query, words, self._analysis),
            terms=words,
            correction=corrected,
            applied=True,
            reason=Reason.APPLIED,
            confidence=expansion.confidence,
            blend=compose(original, feedback.clauses, terms, feedback.settings),
            replace=compose(self._typed(corrected or query, (), context), (), terms, feedback.settings),
            context=context_as_typed(context, request, self._analysis),
        )

    def _terms_and_words(self, expansion: Expansion) -> tuple[Clauses, Clauses]:
        """The expansion as it is searched, and as people read it."""
        vocabulary = self._language.vocabulary
        terms = surface_terms(expansion, vocabulary)
        return terms, readable_terms(expansion, vocabulary) if vocabulary.whole_words else terms

    def _context(self, request: RewriteRequest) -> tuple[str, ...]:
        """Words of earlier queries that the query lacks and the corpus contains."""
        if self._settings.context <= 0:
            return ()
        return tuple(word for word in context_words(request, self._analysis) if self._spelling.is_known(word))

    def _typed(self, query: str, corrections: Sequence[str], context: Sequence[str]) -> Clauses:
        """Query, corrections and context as the clauses of `BlendSettings.original`."""
        n_known = self._n_known(query)
        original = original_clauses(query, corrections, n_known)
        return with_context(original, context, n_known + len(corrections), self._settings.context)

    def _n_known(self, query: str) -> int:
        """Number of words of the query that are index terms of the corpus."""
        return sum(1 for word in self._analysis.words(query) if self._is_searched(word))

    def _is_searched(self, word: str) -> bool:
        """Whether the corpus has the word's index term."""
        return self._analysis.term_of(word) is not None and self._spelling.is_known(word)

    def _feedback(self, original: Clauses) -> _Feedback:
        """The relevance model of the first ranking, and the blend for that ranking's score gap."""
        settings = self._settings
        if settings.feedback <= 0 and settings.full_gap <= 0:
            return _Feedback((), settings)
        n = settings.feedback_terms if settings.feedback > 0 else 0
        first = self._engine.feedback(WeightedQuery(original), n)
        if settings.full_gap > 0:
            settings = settings.scaled(score_gap(first.scores))
        return _Feedback(first.terms, settings)


_REASONS_TO_KEEP = {
    Unread.WORDS_ALONE: Reason.GATED,
    Unread.NOT_ENCODED: Reason.NOT_ENCODED,
    Unread.NO_TOKEN: Reason.EMPTY_REWRITE,
}
"""Why a mixture leaves a query as typed."""


def _unread(scores: QueryScores) -> Unread:
    """Why a query has no scores of documents, if it has none."""
    if scores.documents is not None:
        return Unread.WORDS_ALONE
    return Unread.NOT_ENCODED if scores.has_vector else Unread.NO_TOKEN
