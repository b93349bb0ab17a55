"""Environments of reinforcement learning: queries with their relevant documents, and the gain of a rewrite over the
original query.

An environment is built once per training run. A step of PPO asks for the rewards of about a thousand term sequences
at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from untilclick.rewriter.data.corpus_scorer import NOTHING, CorpusScorer
from untilclick.rewriter.data.rewards import Reward
from untilclick.search.analysis.analysis import QueryTerms

FEEDBACK_TERMS = 20
"""Number of terms of the relevance model in rollouts and in validation."""


@dataclass(frozen=True)
class TrainingQuery:
    """A query that is rewritten in training or validation."""

    terms: QueryTerms
    """Index terms that are searched for the original query, with those of corrected words."""
    relevance: Mapping[str, float]
    """doc_id -> grade; the number of clicks for the `hindsight` reward."""
    context: QueryTerms = NOTHING
    """Index terms of the session's earlier queries that the query lacks."""
    shown: frozenset[str] | None = None
    """Documents that validation ranks, as if there were no others; None for all."""
    typed: Sequence[str] = ()
    """Index terms of the query as it was typed, without corrections."""


class FoundDocuments(NamedTuple):
    """Relevant documents in the rankings of each prompt's sequences."""

    rows: NDArray[np.int64]
    """(B, M) rows of the corpus, padded with 0."""
    weights: NDArray[np.float32]
    """(B, M) grades, each times the number of rankings that contain the document, scaled so that every row sums to 1;
    padded with 0. A prompt without found documents has a row of zeros."""


class RewardBatch(NamedTuple):
    """Rewards of N sequences, B x G of them for G samples of each of B prompts."""

    gain: NDArray[np.float64]
    """(N,) rewritten - original: the reward that training maximises."""
    rewritten: NDArray[np.float64] | None = None
    """(N,) worth of the rewritten query's ranking; None if the environment knows the gain alone."""
    original: NDArray[np.float64] | None = None
    """(N,) worth of the original query's ranking; None if the environment knows the gain alone."""
    found_documents: FoundDocuments | None = None
    """The found documents of each prompt; None if the environment does not look for them."""

    def of(self, rows: NDArray[np.int64]) -> RewardBatch:
        """The rewards of the sequences at positions `rows`, without found documents."""
        rewritten = None if self.rewritten is None else self.rewritten[rows]
        original = None if self.original is None else self.original[rows]
        return RewardBatch(self.gain[rows], rewritten, original)


class Environment(Protocol):
    """Source of rewards for sequences; it knows prompts by their position."""

    def __len__(self) -> int:
        """Number of prompts."""

    def rewards(
        self, rows: NDArray[np.int64], ids: NDArray[np.int64], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> RewardBatch:
        """Rewards of G sequences for each of B prompts. `rows` (B,) are positions of prompts; `ids` and `mask`
        (B x G, T) hold the samples of one prompt next to each other, with end tokens outside the mask."""


@dataclass(frozen=True)
class RolloutBlend:
    """Weights of the parts of a rollout's query, as `untilclick.rewriter.serving.blend` weighs those in service."""

    rewrite: float
    """Weight of the rewrite, 0..1; the original query gets what rewrite and feedback leave."""
    feedback: float = 0.0
    """Weight of the relevance model (RM3), 0..1."""
    context: float = 0.0
    """Largest share of the original query's weight that words of earlier queries get, 0..1."""


class RewardEnvironment:
    """Rewards for rewrites of a fixed set of queries, from the rankings that the rewrites give."""

    def __init__(
        self,
        scorer: CorpusScorer,
        queries: Sequence[TrainingQuery],
        reward: Reward,
        blend: RolloutBlend,
        found_depth: int = 0,
    ) -> None:
        """`found_depth` is the number of ranks in which relevant documents count as found; 0 looks for none."""
        self._scorer = scorer
        self._queries = queries
        self._reward = reward
        self._blend = blend
        self._found_depth = found_depth
        self._grades = grade_matrix(queries, scorer)
        self._ideal = ideal_grades(self._grades, reward.depth)

    def __len__(self) -> int:
        """Number of queries."""
        return len(self._queries)

    def rewards(
        self, rows: NDArray[np.int64], ids: NDArray[np.int64], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> RewardBatch:
        """Rewards of G sequences for each of B queries, see `Environment.rewards`. The terms of a sequence share the
        rewrite's weight equally."""
        group = ids.shape[0] // rows.size
        originals = self._original_scores(rows)  # (B, D)
        original = np.repeat(self._original_worth(rows, originals), group)  # (N,)
        scores = self._rewritten_scores(originals, ids, mask)  # (N, D)
        ranked = self._scorer.rank(scores, max(self._reward.depth, self._found_depth))  # (N, k)
        repeated = np.repeat(rows, group)  # (N,)
        grades = self._graded(repeated, ranked)  # (N, k)
        rewritten = self._reward(grades[:, : self._reward.depth], self._ideal[repeated], rng)  # (N,)
        documents = None
        if self._found_depth:
            documents = found_documents(ranked[:, : self._found_depth], grades[:, : self._found_depth], rows.size)
        return RewardBatch(rewritten - original, rewritten, original, documents)

    def _original_scores(self, rows: NDArray[np.int64]) -> Tensor:
        """(B, D) scores of the original queries at positions `rows` (B,), with their context."""
        queries = [self._queries[row] for row in rows]
        contexts = [query.context for query in queries]
        return self._scorer.originals([query.terms for query in queries], contexts, self._blend.context)

    def _original_worth(self, rows: NDArray[np.int64], originals: Tensor) -> NDArray[np.float64]:
        """(B,) worth of the rankings by scores (B, D): without chance, so that it adds no variance to the gain."""
        ranked = self._scorer.rank(originals, self._reward.depth)
        return self._reward.expected(self._graded(rows, ranked), self._ideal[rows])

    def _rewritten_scores(self, originals: Tensor, ids: NDArray[np.int64], mask: NDArray[np.bool_]) -> Tensor:
        """(N, D) scores of the blend of each sequence with its original query, feedback and context."""
        base = self._base_scores(originals)  # (B, D)
        weights = (self._blend.rewrite * mask / np.maximum(mask.sum(1, keepdims=True), 1)).astype(np.float32)
        scores = self._scorer.score_tokens(ids, weights)  # (N, D) from weights (N, T)
        scores.view(base.shape[0], -1, base.shape[1]).add_(base[:, None, :])  # in place: N x D floats are many
        return scores

    def _base_scores(self, originals: Tensor) -> Tensor:
        """(B, D) weighted scores of the original query and its relevance model, to which a rewrite is added."""
        base = (1.0 - self._blend.rewrite - self._blend.feedback) * originals
        if not self._blend.feedback:
            return base
        feedback = self._scorer.feedback(originals, FEEDBACK_TERMS)
        return base.add_(self._scorer.score_terms(feedback), alpha=self._blend.feedback)

    def _graded(self, rows: NDArray[np.int64], ranked: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N, k) grades at each rank of rankings (N, k) for the queries at positions `rows` (N,); -1 has grade 0."""
        unique, inverse = np.unique(rows, return_inverse=True)
        dense = self._grades[unique].toarray()  # (distinct queries, D): samples of a query share a row
        return np.where(ranked >= 0, dense[inverse[:, None], np.maximum(ranked, 0)], 0.0).astype(np.float32)


def found_documents(ranked: NDArray[np.int64], grades: NDArray[np.float32], n_prompts: int) -> FoundDocuments:
    """The documents of positive grade in rankings (B x G, k) with grades (B x G, k), samples of one prompt next to
    each other."""
    ranked, grades = ranked.reshape(n_prompts, -1), grades.reshape(n_prompts, -1)  # (B, G x k)
    sums = [_summed(row[graded > 0], graded[graded > 0]) for row, graded in zip(ranked, grades, strict=True)]
    width = max(1, *(documents.rows.size for documents in sums))
    padded = FoundDocuments(np.zeros((n_prompts, width), np.int64), np.zeros((n_prompts, width), np.float32))
    for row, (documents, total) in enumerate(sums):
        padded.rows[row, : documents.size] = documents
        padded.weights[row, : documents.size] = total / max(float(total.sum()), 1e-9)
    return padded


class _GradeSums(NamedTuple):
    """The M distinct documents of some rankings."""

    rows: NDArray[np.int64]
    """(M,) rows of the corpus."""
    total: NDArray[np.float64]
    """(M,) sum of the document's grades over the rankings."""


def _summed(rows: NDArray[np.int64], grades: NDArray[np.float32]) -> _GradeSums:
    """The distinct documents of `rows` (L,) with the sums of their `grades` (L,)."""
    distinct, positions = np.unique(rows, return_inverse=True)
    return _GradeSums(distinct, np.asarray(np.bincount(positions, grades, distinct.size), dtype=np.float64))


def grade_matrix(queries: Sequence[TrainingQuery], scorer: CorpusScorer) -> csr_array:
    """(queries, D) grades of the documents; documents outside the corpus are left out."""
    rows_of = scorer.index.doc_rows
    entries = [
        (row, rows_of[doc_id], grade)
        for row, query in enumerate(queries)
        for doc_id, grade in query.relevance.items()
        if doc_id in rows_of
    ]
    rows, columns, grades = (np.array(part) for part in zip(*entries, strict=True)) if entries else ([], [], [])
    shape = (len(queries), scorer.n_documents)
    return csr_array((np.asarray(grades, dtype=np.float32), (rows, columns)), shape=shape)


def ideal_grades(grades: csr_array, depth: int) -> NDArray[np.float32]:
    """(queries, depth) the best grades of each query in falling order, padded with 0, from grades (queries, D)."""
    ideal = np.zeros((grades.shape[0], depth), dtype=np.float32)
    for row in range(grades.shape[0]):
        best = np.sort(grades.data[grades.indptr[row] : grades.indptr[row + 1]])[::-1][:depth]
        ideal[row, : best.size] = best
    return ideal
