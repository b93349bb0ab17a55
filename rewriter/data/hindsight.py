"""Hindsight targets: the terms that would have brought up what searchers of a query finally clicked.

The log alone suffices: no topic, judgment or simulator is asked. A later query of a session is an input as well as
the first. How a log is counted is in `logged_queries.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.data.pseudo_queries import best_terms
from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.search.measures.metrics import dcg, ranks_to
from untilclick.search.text.heaviest import heaviest

GAIN_DEPTH = 10
"""Ranks beyond this count as not found: nobody clicks there. Looking down to rank 100 makes the gains of good and
poor terms so alike that tf-idf decides, and the targets are worse for it."""
NOT_FOUND = 1 << 30
"""Rank of a document that does not match."""


@dataclass(frozen=True)
class TargetSettings:
    """How the target of a query is made."""

    candidate_terms: int
    target_terms: int
    gain_floor: float


class TargetMaker:
    """Turns clicked documents into the terms that would have brought them up.

    Candidates are the heaviest tf-idf terms of the clicked documents; each is tried alone beside the query, and its
    weight is sqrt(tf-idf) x (max(0, gain) + floor).
    """

    def __init__(self, scorer: CorpusScorer, term_weights: csr_array, settings: TargetSettings) -> None:
        self._scorer = scorer
        self._term_weights = term_weights
        self._settings = settings

    def target(self, logged: JudgedQuery, terms: Sequence[str], excluded: Sequence[int]) -> SoftTarget | None:
        """The target distribution over tokens outside `excluded` for a query that retrieval sees as `terms`; None
        when no term raises a clicked document."""
        rows = self._scorer.index.doc_rows
        clicked = np.array([rows[doc_id] for doc_id in logged.relevance if doc_id in rows], dtype=np.int64)
        if not clicked.size:
            return None
        weights = np.array([n for doc_id, n in logged.relevance.items() if doc_id in rows], dtype=np.float32)
        ids, centroid = self._candidates(clicked, weights, excluded)
        gains = self._gains(terms, ids, clicked, weights)
        if not (gains > 0).any():
            return None
        value = np.sqrt(centroid) * (np.maximum(gains, 0.0) + self._settings.gain_floor)
        return best_terms(ids, value.astype(np.float32), np.array([], dtype=np.int64), self._settings.target_terms)

    def documents(self, logged: JudgedQuery) -> SoftTarget:
        """The rows of the clicked documents in the corpus and their shares of the clicks; those that the corpus does
        not have are left out."""
        rows = self._scorer.index.doc_rows
        clicks = {rows[doc_id]: n for doc_id, n in logged.relevance.items() if doc_id in rows and n > 0}
        weights = np.array(list(clicks.values()), dtype=np.float32)
        return SoftTarget(np.array(list(clicks), dtype=np.int64), weights / max(float(weights.sum()), 1e-9))

    def _candidates(
        self, clicked: NDArray[np.int64], weights: NDArray[np.float32], excluded: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        share = weights / weights.sum()
        centroid = np.asarray(share @ self._term_weights[clicked]).ravel()
        centroid[list(excluded)] = 0.0
        best = heaviest(centroid, self._settings.candidate_terms)
        best = best[centroid[best] > 0]
        return best, centroid[best]

    def _gains(
        self, terms: Sequence[str], ids: NDArray[np.int64], clicked: NDArray[np.int64], weights: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """(C,) change of the clicked documents' discounted gain when one token is added to the query."""
        known = [term for term in terms if term in self._scorer.index.term_ids]
        original = self._scorer.originals([known]).numpy()
        share = len(known) / (len(known) + 1.0)
        added = share * original + (1.0 - share) * self._scorer.token_rows(ids)
        before = discounted_gain(ranks_of(original, clicked), weights)
        return discounted_gain(ranks_of(added, clicked), weights) - before


def ranks_of(scores: NDArray[np.float32], documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N, K) 1-based rank of each document in each row of scores (N, D); `NOT_FOUND` where the score is 0."""
    ranks = np.empty((scores.shape[0], documents.size), dtype=np.int64)
    for column, document in enumerate(documents):
        own = scores[:, document, None]
        ranks[:, column] = np.where(own[:, 0] > 0, 1 + (scores > own).sum(1), NOT_FOUND)
    return ranks


def discounted_gain(ranks: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """(...) nDCG at `GAIN_DEPTH` with clicks as gains, in [0, 1], from the ranks (..., K) of K clicked documents and
    their clicks (K,). It needs no sorted ranking, so thousands of candidate queries are compared at once."""
    best = np.sort(weights)[::-1][:GAIN_DEPTH]
    ideal = dcg(ranks_to(best.size), best)
    return np.asarray(dcg(ranks, weights, GAIN_DEPTH) / max(float(ideal), 1e-9))
