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

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.rewards import Reward

FEEDBACK_TERMS = 20
"""Terms of the relevance model in rollouts and in validation."""


@dataclass(frozen=True)
class TrainingQuery:
    """A query to be rewritten in training."""

    terms: tuple[str, ...]
    """Index terms that retrieval searches for the original query, corrections of misspelt words included."""
    relevance: Mapping[str, float]
    """doc_id -> grade, or number of clicks for the `hindsight` reward."""
    context: tuple[str, ...] = ()
    """Index terms of the session's earlier queries that the query lacks."""
    shown: frozenset[str] | None = None
    """Documents that validation ranks, as if no others were there; None for all."""


class FoundDocuments(NamedTuple):
    """What the rankings of each prompt's sequences brought up that the searcher wants."""

    rows: NDArray[np.int64]
    """(B, M) rows of the corpus."""
    weights: NDArray[np.float32]
    """(B, M) their grades times the number of rankings that held them; rows sum to 1, or to 0 where nothing was
    found. Padded with 0."""


class RewardBatch(NamedTuple):
    """Rewards of N sequences and their parts."""

    gain: NDArray[np.float64]
    """(N,) rewritten - original: what is learned from."""
    rewritten: NDArray[np.float64] | None = None
    """(N,) worth of the rewritten query's ranking, where the two are known apart."""
    original: NDArray[np.float64] | None = None
    """(N,) worth of the original query's ranking."""
    found: FoundDocuments | None = None
    """What was found, where the environment tells; by prompt, not by sequence."""

    def of(self, rows: NDArray[np.int64]) -> RewardBatch:
        """The rewards of some sequences, given by their position; without what was found."""
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


@dataclass(frozen=True)
class RolloutBlend:
    """What a rollout's ranking is made of, as `untilclick.rewriter.serving.blend` makes that of a served rewrite."""

    rewrite: float
    """Share of the rewrite in a score; what it leaves, and `feedback`, is the original query's."""
    feedback: float = 0.0
    """Share of the relevance model (RM3)."""
    context: float = 0.0
    """Share of the original query's weight that words of earlier queries have."""


class RewardEnvironment:
    """Scores rewrites of a fixed set of queries."""

    def __init__(
        self,
        scorer: CorpusScorer,
        queries: Sequence[TrainingQuery],
        reward: Reward,
        blend: RolloutBlend,
        found_depth: int = 0,
    ) -> None:
        """`found_depth` is the number of ranks in which wanted documents are noticed, 0 tells of none."""
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
        """Rewards of G sequences for each of B queries: `rows` (B,), `ids` and `mask` (B x G, T), samples of one
        query next to each other. The terms of a sequence share the rewrite's weight equally."""
        group = ids.shape[0] // rows.size
        queries = [self._queries[row] for row in rows]
        contexts = [query.context for query in queries]
        originals = self._scorer.originals([query.terms for query in queries], contexts, self._blend.context)
        ranked = self._scorer.rank(originals, self._reward.depth)
        worth_original = self._reward.expected(self._graded(rows, ranked), self._ideal[rows])
        kept = self._kept(originals)
        weights = (self._blend.rewrite * mask / np.maximum(mask.sum(1, keepdims=True), 1)).astype(np.float32)
        scores = self._scorer.score_tokens(ids, weights)
        scores.view(rows.size, group, -1).add_(kept[:, None, :])
        repeated = np.repeat(rows, group)
        ranked = self._scorer.rank(scores, max(self._reward.depth, self._found_depth))
        grades = self._graded(repeated, ranked)
        rewritten = self._reward(grades[:, : self._reward.depth], self._ideal[repeated], rng)
        original = np.repeat(worth_original, group)
        found = None
        if self._found_depth:
            found = found_documents(ranked[:, : self._found_depth], grades[:, : self._found_depth], rows.size)
        return RewardBatch(rewritten - original, rewritten, original, found)

    def _kept(self, originals: Tensor) -> Tensor:
        """(B, D) what a rewrite is added to: the original query and its relevance model."""
        own = (1.0 - self._blend.rewrite - self._blend.feedback) * originals
        if not self._blend.feedback:
            return own
        feedback = self._scorer.feedback(originals, FEEDBACK_TERMS)
        return own.add_(self._scorer.score_terms(feedback), alpha=self._blend.feedback)

    def _graded(self, rows: NDArray[np.int64], ranked: NDArray[np.int64]) -> NDArray[np.float32]:
        """(N, k) grades down each ranking; -1 entries of `ranked` have grade 0."""
        unique, inverse = np.unique(rows, return_inverse=True)
        dense = self._grades[unique].toarray()
        return np.where(ranked >= 0, dense[inverse[:, None], np.maximum(ranked, 0)], 0.0).astype(np.float32)


def found_documents(ranked: NDArray[np.int64], grades: NDArray[np.float32], n_prompts: int) -> FoundDocuments:
    """The documents of positive grade in rankings (B x G, k) with grades (B x G, k), those of one prompt next to each
    other."""
    ranked, grades = ranked.reshape(n_prompts, -1), grades.reshape(n_prompts, -1)
    counted = [_summed(own[graded > 0], graded[graded > 0]) for own, graded in zip(ranked, grades, strict=True)]
    width = max(1, *(rows.size for rows, _ in counted))
    found = FoundDocuments(np.zeros((n_prompts, width), np.int64), np.zeros((n_prompts, width), np.float32))
    for row, (documents, weights) in enumerate(counted):
        found.rows[row, : documents.size] = documents
        found.weights[row, : documents.size] = weights / max(float(weights.sum()), 1e-9)
    return found


def _summed(rows: NDArray[np.int64], grades: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Distinct rows and the sums of their grades."""
    distinct, places = np.unique(rows, return_inverse=True)
    return distinct, np.asarray(np.bincount(places, grades, distinct.size), dtype=np.float64)


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
