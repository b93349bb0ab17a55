"""The nDCG@10 of blends on a fixed set of queries; what several blends share is computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.environment import FEEDBACK_TERMS, TrainingQuery, grade_matrix, ideal_grades
from untilclick.rewriter.data.rewards import NdcgReward
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.serving.blend import BlendSettings, Recall, RecalledTerms, recalled_terms, score_gap
from untilclick.rewriter.serving.readings.document_prior import DocumentPrior
from untilclick.rewriter.serving.readings.meaning import Meaning
from untilclick.rewriter.serving.readings.mixture import Evidence
from untilclick.rewriter.serving.term_rewriter import ModelReading, NextTermLogits, read_model
from untilclick.rewriter.training.blend_grid import GRID_TERMS
from untilclick.rewriter.training.meant_queries import MeantQueries, evidence_of, scaled
from untilclick.rewriter.training.scored import Floats
from untilclick.rewriter.training.weighted_sums import Part, WeightedSums, Weights
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus

MANY = 4
"""Smallest number of blends of the same parts that are ranked by candidates; fewer are ranked among all documents."""

Masked = Callable[[Tensor], Tensor]
"""Gives scores (B, D) in which documents that are not ranked have 0."""


@dataclass(frozen=True, eq=False)
class Recalled:
    """The terms that are recalled for B queries by the policy, or by meaning alone."""

    n_terms: int
    """Number of terms that a blend may read at most."""
    terms: Sequence[RecalledTerms]
    """The terms of each query."""


@dataclass(frozen=True, eq=False)
class Expansions:
    """The expansion terms of B queries as a part of blends."""

    words: Part
    """Scores of the documents by the expansion terms alone; for a mixture each row is divided by its maximum."""
    documents: Part | None
    """Likeness of the documents, each row divided by its maximum; None without a sentence encoder."""
    confidence: Floats
    """(B,) probability mass of the expansion terms, by which the gate decides."""


@dataclass(frozen=True, eq=False)
class OriginalScores:
    """B original queries with as much context as a limit allows."""

    scores: Tensor
    """(B, D) of the queries as typed."""
    gaps: NDArray[np.float32]
    """(B,) their `score_gap`."""
    evidence: Evidence | None
    """What decides the weights of a mixture; None without a sentence encoder."""
    by_feedback: Callable[[], Tensor]
    """Gives the scores (B, D) of the relevance model, which mixtures do not read."""
    masked: Masked

    @cached_property
    def typed(self) -> Part:
        """The queries as typed."""
        return Part(self.masked(self.scores))

    @cached_property
    def scaled(self) -> Part:
        """The scores of the queries as typed, each row divided by its maximum over all documents."""
        return Part(self.masked(scaled(self.scores)))

    @cached_property
    def feedback(self) -> Part:
        """The scores by the relevance model of each query's first ranking."""
        return Part(self.masked(self.by_feedback()))

    def parts(self, expansions: Expansions, settings: BlendSettings) -> list[Part]:
        """The parts of a blend."""
        if settings.mixture is None:
            return [self.typed, self.feedback, expansions.words]
        assert expansions.documents is not None
        return [self.scaled, expansions.words, expansions.documents]

    def weights(self, settings: BlendSettings) -> Weights:
        """The weights of the parts. A query whose first ranking is nearly tied gives feedback and rewrite less, see
        `BlendSettings.shares`."""
        if settings.mixture is not None:
            assert self.evidence is not None
            weights = [torch.from_numpy(each).float()[:, None] for each in settings.mixture.weights(self.evidence)]
            prior = settings.mixture.prior
            return [*weights, torch.full_like(weights[0], prior)] if prior else weights
        shares = torch.from_numpy(settings.shares(self.gaps))[:, None]  # (B, 1)
        feedback, rewrite = settings.feedback * shares, settings.rewrite * shares
        return [1.0 - feedback - rewrite, feedback, rewrite]

    def with_rows(self, rows: NDArray[np.int64], others: OriginalScores) -> OriginalScores:
        """These queries, with the scores, gaps, evidence and feedback of `others` at positions `rows`."""
        places, gaps, evidence = torch.from_numpy(rows), self.gaps.copy(), self.evidence
        gaps[rows] = others.gaps
        if evidence is not None and others.evidence is not None:
            evidence = Evidence(*(each.copy() for each in evidence))
            for of_all, of_others in zip(evidence, others.evidence, strict=True):
                of_all[rows] = of_others
        return replace(
            self,
            scores=self.scores.index_copy(0, places, others.scores),
            gaps=gaps,
            evidence=evidence,
            by_feedback=lambda: self.by_feedback().index_copy(0, places, others.by_feedback()),
        )


class BlendCandidate(NamedTuple):
    """A blend and what it reaches on each of B queries."""

    settings: BlendSettings
    ndcg: Floats
    """(B,)"""
    confidence: Floats
    """(B,) of its expansions."""


class BlendScores:
    """B queries with the grades of D documents, which blends are scored on."""

    def __init__(self, scorer: CorpusScorer, prompts: Sequence[Prompt], queries: Sequence[TrainingQuery]) -> None:
        self.prompts = prompts
        """What models read of the queries."""
        self._scorer = scorer
        self._reward = NdcgReward()
        grades = grade_matrix(queries, scorer)
        self.grades = grades.toarray()
        """(B, D)"""
        self._ideal = ideal_grades(grades, self._reward.depth)  # (B, 10)
        self._left_out = _left_out(queries, scorer)  # (B, D)
        self._terms = [query.terms for query in queries]
        self._contexts = [query.context for query in queries]
        self.later = np.flatnonzero([bool(context.body) for context in self._contexts])
        """(L,) positions of the queries that have a context."""
        self._meant: MeantQueries | None = None
        self._prior: Callable[[], DocumentPrior] = DocumentPrior
        self.without_context = self._original_scores(np.arange(len(queries)), limit=0.0)
        """The originals alone."""
        self._in_context: dict[float, OriginalScores] = {}  # for one limit, the one asked for last
        alone = WeightedSums([self.without_context.typed], self.grades, scorer.rank)
        self.original_ndcg = self._ndcg(alone.grades([torch.ones(len(queries), 1)], self._reward.depth))
        """(B,) nDCG@10 of the originals alone."""

    def __len__(self) -> int:
        """Number of queries."""
        return len(self.prompts)

    @property
    def by_clicks(self) -> bool:
        """Whether rankings are compared on the documents that were shown, as for grades by clicks."""
        return self._left_out is not None

    @property
    def has_meaning(self) -> bool:
        """Whether a sentence encoder reads the queries."""
        return self._meant is not None

    def with_meaning(self, meaning: Meaning, encoded: EncodedCorpus) -> BlendScores:
        """The same queries read by a sentence encoder as well."""
        read = copy(self)
        read._meant = MeantQueries.of(self.prompts, meaning, encoded, self._scorer)
        evidence = read._evidence(np.arange(len(self)), 0.0, self.without_context.scores)
        read.without_context = replace(self.without_context, evidence=evidence)
        read._in_context, read._prior = {}, meaning.prior
        return read

    @property
    def has_prior(self) -> bool:
        """Whether the queries are read by a sentence encoder, and the documents name each other."""
        return self.has_meaning and bool(self._prior())

    def read_by(self, model: NextTermLogits) -> ReadQueries:
        """The queries as a model reads them."""
        return ReadQueries(self.prompts, model, self._meant, self._masked)

    def candidates(self, blends: Sequence[BlendSettings], read: ReadQueries) -> list[BlendCandidate]:
        """Each blend with what it reaches. Blends that differ in nothing but weights are scored together."""
        expansions: dict[Hashable, Expansions] = {}
        alike: dict[Hashable, list[BlendSettings]] = {}
        for blend in dict.fromkeys(blends):
            alike.setdefault((_shape(blend), blend.context, _weighs_prior(blend)), []).append(blend)
        candidates: dict[BlendSettings, BlendCandidate] = {}
        for group in alike.values():
            shape = _shape(group[0])
            if shape not in expansions:
                expansions[shape] = self._expansions(read, group[0])
            for blend, ndcg in zip(group, self._ndcg_of_each(expansions[shape], group), strict=True):
                candidates[blend] = BlendCandidate(blend, ndcg, expansions[shape].confidence)
        return [candidates[blend] for blend in blends]

    def _expansions(self, read: ReadQueries, blend: BlendSettings) -> Expansions:
        """The expansions of a blend, and of all that have its `_shape`."""
        recalled = read.recalled(blend.recall, blend.expansion_terms)
        expansions = [terms.expansion(blend) for terms in recalled.terms]
        width = max(expansion.ids.size for expansion in expansions)  # a tiny vocabulary leaves some fewer terms
        ids = np.zeros((len(expansions), width), dtype=np.int64)  # (B, T)
        weights = np.zeros((len(expansions), width), dtype=np.float32)  # (B, T), 0 on padding
        for row, expansion in enumerate(expansions):
            ids[row, : expansion.ids.size], weights[row, : expansion.ids.size] = expansion.ids, expansion.weights
        words = self._scorer.score_tokens(ids, weights)  # (B, D)
        words = words if blend.mixture is None else scaled(words)
        confidence = np.array([expansion.confidence for expansion in expansions])
        return Expansions(Part(self._masked(words)), read.documents(blend.documents_by), confidence)

    def _ndcg_of_each(self, expansions: Expansions, blends: Sequence[BlendSettings]) -> Iterator[Floats]:
        """The nDCG@10 (B,) of each of some blends that differ in nothing but weights."""
        originals = self._originals(blends[0].context)
        parts = originals.parts(expansions, blends[0])
        if _weighs_prior(blends[0]):
            parts.append(self._prominence())
        sums = WeightedSums(parts, self.grades, self._scorer.rank)
        grades = sums.grades if len(blends) < MANY else sums.grades_by_candidates
        return (self._ndcg(grades(originals.weights(blend), self._reward.depth)) for blend in blends)

    def _prominence(self) -> Part:
        """The prominence of the documents, the same for all queries. Unlike a ranking in service, the sum is over all
        documents and not over the candidates of the other parts; a document that none of these has among its first
        hundreds is rarely lifted among the first ten by a tenth of the sum."""
        values = self._prior().values
        row = torch.tensor([values.get(doc_id, 0.0) for doc_id in self._scorer.index.doc_ids])  # (D,)
        return Part(self._masked(row.expand(len(self), -1)))

    def _originals(self, limit: float) -> OriginalScores:
        """The originals in the context of a limit. Without a context a query stays the same."""
        if limit <= 0 or not self.later.size:
            return self.without_context
        if limit not in self._in_context:
            later = self._original_scores(self.later, limit)
            self._in_context = {limit: self.without_context.with_rows(self.later, later)}
        return self._in_context[limit]

    def _original_scores(self, rows: NDArray[np.int64], limit: float) -> OriginalScores:
        """Scores of the original queries at positions `rows`, whose context gets at most the share `limit`."""
        scores = self._scorer.originals(*self._texts(rows), limit)  # (n, D)
        best = scores.topk(min(2, scores.shape[1]), dim=1).values.tolist()
        gaps = [score_gap([score for score in first if score > 0]) for first in best]
        return OriginalScores(
            scores,
            np.array(gaps, dtype=np.float32),
            self._evidence(rows, limit, scores),
            cache(lambda: self._scorer.score_terms(self._scorer.feedback(scores, FEEDBACK_TERMS))),
            self._masked,
        )

    def _evidence(self, rows: NDArray[np.int64], limit: float, scores: Tensor) -> Evidence | None:
        """The evidence of the originals at positions `rows` with scores (n, D)."""
        if self._meant is None:
            return None
        possible = self._scorer.possible(*self._texts(rows), limit)
        return evidence_of(scores, possible, self._meant.cosines[rows], self._meant.surprise[rows])

    def _texts(self, rows: NDArray[np.int64]) -> tuple[list[QueryTerms], list[QueryTerms]]:
        """The terms and the contexts of the queries at positions `rows`."""
        return [self._terms[row] for row in rows], [self._contexts[row] for row in rows]

    def _masked(self, scores: Tensor) -> Tensor:
        """Scores (B, D) with 0 for documents that are left out: a score of 0 is not ranked."""
        return scores if self._left_out is None else scores.masked_fill(self._left_out, 0.0)

    def _ndcg(self, grades: NDArray[np.float32]) -> Floats:
        """(B,) nDCG@10 of rankings with grades (B, k)."""
        return self._reward.expected(grades, self._ideal)


class ReadQueries:
    """Queries as a model reads them; what is recalled for them is candidates at its first use."""

    def __init__(
        self, prompts: Sequence[Prompt], model: NextTermLogits, meant: MeantQueries | None, masked: Masked
    ) -> None:
        """`meant`: the queries by meaning; None without a sentence encoder."""
        self._prompts, self._meant, self._masked = prompts, meant, masked
        self.model = model
        """The model that reads them."""
        self._recalled: dict[Recall, Recalled] = {}
        self._documents: dict[bool, Part] = {}

    @property
    def has_scores(self) -> bool:
        """Whether the model scores documents beside a sentence encoder."""
        return self._meant is not None and self._reading.documents is not None

    def documents(self, source: Recall) -> Part | None:
        """Likeness of the documents by the policy, if it scores them, or by meaning alone, each row divided by its
        maximum; None without a sentence encoder."""
        if self._meant is None:
            return None
        is_learned = source == "policy" and self.has_scores
        if is_learned not in self._documents:
            learned = self._reading.documents if is_learned else None
            self._documents[is_learned] = Part(self._masked(scaled(self._meant.learned(learned))))
        return self._documents[is_learned]

    @cached_property
    def _reading(self) -> ModelReading:
        return read_model(self.model, self._prompts)

    def recalled(self, recall: Recall, n_terms: int) -> Recalled:
        """What is recalled, `n_terms` terms or more of each query."""
        known = self._recalled.get(recall)
        if known is None or known.n_terms < n_terms:
            self._recalled[recall] = known = self._recall(recall, max(n_terms, *GRID_TERMS))
        return known

    def _recall(self, recall: Recall, n_terms: int) -> Recalled:
        if recall == "meaning":
            assert self._meant is not None
            logits, prompts = self._meant.logits, [replace(prompt, query_ids=()) for prompt in self._prompts]
        else:
            logits, prompts = self._reading.logits, list(self._prompts)
        terms = [recalled_terms(row, prompt, n_terms) for row, prompt in zip(logits, prompts, strict=True)]
        return Recalled(n_terms, terms)


def _shape(blend: BlendSettings) -> Hashable:
    """What decides the expansions."""
    return blend.expansion_terms, blend.sharpness, blend.recall, blend.documents_by, blend.mixture is None


def _weighs_prior(blend: BlendSettings) -> bool:
    """Whether the prominence of documents is one of the parts."""
    return blend.mixture is not None and blend.mixture.prior > 0


def _left_out(queries: Sequence[TrainingQuery], scorer: CorpusScorer) -> Tensor | None:
    """(B, D) bool, True for documents that are not ranked for a query; None if all are ranked for all queries."""
    if all(query.shown is None for query in queries):
        return None
    rows = scorer.index.doc_rows
    left_out = torch.zeros(len(queries), scorer.n_documents, dtype=torch.bool)
    for position, query in enumerate(queries):
        if query.shown is not None:
            left_out[position] = True
            left_out[position, [rows[doc_id] for doc_id in query.shown if doc_id in rows]] = False
    return left_out
