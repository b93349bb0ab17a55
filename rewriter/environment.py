"""The searcher's side of training: queries, what would be clicked, and the gain of a rewrite over the original.

Built once per training run; a step of PPO asks for the rewards of some thousand term sequences at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from torch import Tensor

from rewriter.rewards import Reward
from rewriter.scorer import CorpusScorer

FEEDBACK_TERMS = 20
"""Terms of the relevance model in rollouts and in validation."""


@dataclass(frozen=True)
class TrainingQuery:
    """A query to be rewritten in training."""

    terms: tuple[str, ...]
    """Index terms that retrieval searches for the original query, corrections of misspelt words included."""
    relevance: Mapping[str, float]
    """doc_id -> grade, or number of clicks for the `hindsight` reward."""


class RewardBatch(NamedTuple):
    """Rewards of N sequences and their parts."""

    gain: NDArray[np.float64]
    """(N,) rewritten - original: what is learned from."""
    rewritten: NDArray[np.float64] | None = None
    """(N,) worth of the rewritten query's ranking, where the two are known apart."""
    original: NDArray[np.float64] | None = None
    """(N,) worth of the original query's ranking."""

    def of(self, rows: NDArray[np.int64]) -> RewardBatch:
        """The rewards of some sequences, given by their position."""
        rewritten = None if self.rewritten is None else self.rewritten[rows]
        original = None if self.original is None else self.original[rows]
        return RewardBatch(self.gain[rows], rewritten, original)


class Environment(Protocol):
    """Whatever pays for sequences, by the position of their prompts."""

    def __len__(self) -> int:
        """Number of prompts it knows."""

    def rewards(
        self, rows: NDArray[np.int64], ids: NDArray[np.int64], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> RewardBatch:
        """Rewards of G sequences for each of B prompts: `rows` (B,), `ids` and `mask` (B x G, T), samples of one
        prompt next to each other; end tokens are outside the mask."""


class RewardEnvironment:
    """Scores rewrites of a fixed set of queries."""

    def __init__(
        self,
        scorer: CorpusScorer,
        queries: Sequence[TrainingQuery],
        reward: Reward,
        rewrite_weight: float,
        feedback_weight: float = 0.0,
    ) -> None:
        self._scorer = scorer
        self._queries = queries
        self._reward = reward
        self._rewrite_weight = rewrite_weight
        self._feedback_weight = feedback_weight
        self._grades = grade_matrix(queries, scorer)
        self._ideal = ideal_grades(self._grades, reward.depth)

    def __len__(self) -> int:
        """Number of queries."""
        return len(self._queries)

    def rewards(
        self, rows: NDArray[np.int64], ids: NDArray[np.int64], mask: NDArray[np.bool_], rng: np.random.Generator
    ) -> RewardBatch:
        """Rewards of G sequences for each of B queries: `rows` (B,), `ids` and `mask` (B x G, T), samples of one
        query next to each other. The terms of a sequence share the rewrite's weight equally."""
        group = ids.shape[0] // rows.size
        originals = self._scorer.originals([self._queries[row].terms for row in rows])
        ranked = self._scorer.rank(originals, self._reward.depth)
        worth_original = self._reward.expected(self._graded(rows, ranked), self._ideal[rows])
        kept = self._kept(originals)
        weights = (self._rewrite_weight * mask / np.maximum(mask.sum(1, keepdims=True), 1)).astype(np.float32)
        scores = self._scorer.score_tokens(ids, weights)
        scores.view(rows.size, group, -1).add_(kept[:, None, :])
        repeated = np.repeat(rows, group)
        grades = self._graded(repeated, self._scorer.rank(scores, self._reward.depth))
        rewritten = self._reward(grades, self._ideal[repeated], rng)
        original = np.repeat(worth_original, group)
        return RewardBatch(rewritten - original, rewritten, original)

    def _kept(self, originals: Tensor) -> Tensor:
        """(B, D) what a rewrite is added to: the original query and its relevance model."""
        own = (1.0 - self._rewrite_weight - self._feedback_weight) * originals
        if not self._feedback_weight:
            return own
        feedback = self._scorer.feedback(originals, FEEDBACK_TERMS)
        return own.add_(self._scorer.score_terms(feedback), alpha=self._feedback_weight)

    def _graded(self, rows: NDArray[np.int64], ranked: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N, k) grades down each ranking; -1 entries of `ranked` have grade 0."""
        unique, inverse = np.unique(rows, return_inverse=True)
        dense = self._grades[unique].toarray()
        return np.where(ranked >= 0, dense[inverse[:, None], np.maximum(ranked, 0)], 0.0).astype(np.float32)


def grade_matrix(queries: Sequence[TrainingQuery], scorer: CorpusScorer) -> csr_array:
    """(queries, D) grades; documents outside the corpus are left out."""
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
    """(queries, depth) the best grades of each row in falling order, padded with 0."""
    ideal = np.zeros((grades.shape[0], depth), dtype=np.float32)
    for row in range(grades.shape[0]):
        best = np.sort(grades.data[grades.indptr[row] : grades.indptr[row + 1]])[::-1][:depth]
        ideal[row, : best.size] = best
    return ideal
