"""Hindsight targets: the terms with which a query would have retrieved the documents that its searchers finally
clicked.

Targets need a log only, no topics, judgments or simulator. Later queries of a session are inputs like the first;
`logged_queries.py` counts them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.data.pseudo_queries import best_terms
from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.measures.metrics import dcg, ranks_to
from untilclick.search.text.heaviest import heaviest

GAIN_DEPTH = 10
"""Documents below this rank count as not retrieved, because searchers do not click there. With a depth of 100 the
gains of good and poor terms are so similar that tf-idf decides, and the targets become worse."""
NOT_FOUND = 1 << 30
"""Rank of a document that does not match."""


@dataclass(frozen=True)
class TargetSettings:
    """Settings of the search for target terms."""

    candidate_terms: int
    """Number of terms that are tried for a query."""
    target_terms: int
    """Largest number of terms of a target."""
    gain_floor: float
    """Added to every gain, so that terms without gain keep a small weight."""


class _Clicked(NamedTuple):
    """The K clicked documents of a query."""

    rows: NDArray[np.int64]
    """(K,) rows of the corpus."""
    clicks: NDArray[np.float32]
    """(K,) number of clicks on each."""


class _Candidates(NamedTuple):
    """The C terms that are tried for a query."""

    ids: NDArray[np.int64]
    """(C,) token ids."""
    tfidf: NDArray[np.float32]
    """(C,) positive weights in the mean of the clicked documents."""


class TargetMaker:
    """Finds the terms with which a query would have retrieved its clicked documents.

    Candidates are the heaviest tf-idf terms of the clicked documents. Each is added to the query alone; its weight in
    the target is sqrt(tf-idf) x (max(0, gain) + floor).
    """

    def __init__(self, scorer: CorpusScorer, term_weights: csr_array, settings: TargetSettings) -> None:
        """`term_weights` (D, V) are the tf-idf weights of `pseudo_queries.term_weights`."""
        self._scorer = scorer
        self._term_weights = term_weights
        self._settings = settings

    def target(self, logged: JudgedQuery, terms: QueryTerms, excluded: Sequence[int]) -> SoftTarget | None:
        """The target distribution over tokens outside `excluded`, for a query whose index terms are `terms`; None if
        the query retrieves a clicked document and no term moves one up. If no term alone retrieves a document that
        the query misses, tf-idf decides, as it does for terms without gain."""
        clicked = self._clicked(logged)
        if not clicked.rows.size:
            return None
        candidates = self._candidates(clicked, excluded)
        if not candidates.ids.size:
            return None
        gains, before = self._gains(terms, candidates.ids, clicked)  # (C,)
        if not (gains > 0).any() and before > 0:
            return None
        # The square root dampens tf-idf, so that the gain decides between terms of the same document.
        value = np.sqrt(candidates.tfidf) * (np.maximum(gains, 0.0) + self._settings.gain_floor)  # (C,)
        none = np.array([], dtype=np.int64)  # candidates do not contain excluded tokens
        return best_terms(candidates.ids, value.astype(np.float32), none, self._settings.target_terms)

    def documents(self, logged: JudgedQuery) -> SoftTarget:
        """The clicked documents as rows of the corpus, with their shares of the clicks; documents that the corpus
        lacks are left out."""
        rows = self._scorer.index.doc_rows
        clicks = {rows[doc_id]: n for doc_id, n in logged.relevance.items() if doc_id in rows and n > 0}
        weights = np.array(list(clicks.values()), dtype=np.float32)
        return SoftTarget(np.array(list(clicks), dtype=np.int64), weights / max(float(weights.sum()), 1e-9))

    def _clicked(self, logged: JudgedQuery) -> _Clicked:
        """The clicked documents that the corpus contains."""
        rows = self._scorer.index.doc_rows
        clicks = {rows[doc_id]: n for doc_id, n in logged.relevance.items() if doc_id in rows}
        return _Clicked(np.array(list(clicks), dtype=np.int64), np.array(list(clicks.values()), dtype=np.float32))

    def _candidates(self, clicked: _Clicked, excluded: Sequence[int]) -> _Candidates:
        """The heaviest terms in the mean of the clicked documents, weighted by clicks."""
        share = clicked.clicks / clicked.clicks.sum()  # (K,)
        centroid = np.asarray(share @ self._term_weights[clicked.rows]).ravel()  # (V,)
        centroid[list(excluded)] = 0.0
        best = heaviest(centroid, self._settings.candidate_terms)
        best = best[centroid[best] > 0]
        return _Candidates(best, centroid[best])

    def _gains(
        self, terms: QueryTerms, ids: NDArray[np.int64], clicked: _Clicked
    ) -> tuple[NDArray[np.float64], float]:
        """(C,) change of the clicked documents' discounted gain if the query gets one of the tokens `ids` (C,), and
        that gain before."""
        n_indexed = sum(term in self._scorer.index.term_ids for term in terms.body)
        original = self._scorer.originals([terms]).numpy()  # (1, D)
        share = n_indexed / (n_indexed + 1.0)  # the new term weighs as much as one of the query
        extended = share * original + (1.0 - share) * self._scorer.token_rows(ids)  # (C, D)
        before = discounted_gain(ranks_of(original, clicked.rows), clicked.clicks)  # (1,)
        return discounted_gain(ranks_of(extended, clicked.rows), clicked.clicks) - before, float(before[0])


def ranks_of(scores: NDArray[np.float32], documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N, K) 1-based rank of K documents, given as rows of the corpus, in each row of scores (N, D); `NOT_FOUND` for
    a score of 0. Documents with equal scores get the same rank."""
    ranks = np.empty((scores.shape[0], documents.size), dtype=np.int64)
    for column, document in enumerate(documents):
        score = scores[:, document, None]  # (N, 1)
        # Counting higher scores finds K ranks in O(K D) without sorting N rankings.
        ranks[:, column] = np.where(score[:, 0] > 0, 1 + (scores > score).sum(1), NOT_FOUND)
    return ranks


def discounted_gain(ranks: NDArray[np.int64], weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """(...) nDCG at `GAIN_DEPTH` with clicks as gains, in [0, 1], from the ranks (..., K) of K clicked documents and
    their clicks (K,). It needs no sorted ranking, so thousands of candidate queries are compared at once."""
    best = np.sort(weights)[::-1][:GAIN_DEPTH]
    ideal = dcg(ranks_to(best.size), best)
    return np.asarray(dcg(ranks, weights, GAIN_DEPTH) / max(float(ideal), 1e-9))
