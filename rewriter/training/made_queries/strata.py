"""Strata of queries by how many of their words stand in the documents that they want.

Queries that are made from documents type more words of these documents than people do, and the more of them they
type, the more the words as typed are worth: means over all made queries give these words too much weight
(docs/experiments.md, 2026-11-30). Within a stratum, made queries and people's are alike in this respect. How people's
queries spread over the strata cannot be known from the documents, so every stratum counts as much.

- Words are counted and not weighted by their idf: a word that no document holds has none, and only plain shares can
  be compared with published ones (Zhao & Callan, "Term necessity prediction", CIKM 2010).
- A misspelt word counts as the word it is corrected to, if queries are corrected: that is what is searched. Counted
  as they are typed, misspelt words fill the low strata with queries that BM25 answers well, and every stratum gives
  the typed words most of the weight (docs/experiments.md, 2026-11-30).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from untilclick.rewriter.data.environment import TrainingQuery
from untilclick.rewriter.language.sparse_rows import entries_of
from untilclick.rewriter.training.scored import Floats, Needs, Strata
from untilclick.search.text.term_index import TermIndex

N_STRATA = 5
"""Number of strata, all as wide: shares up to .2 of the words, .2 to .4, and so on; a bound belongs to the lower
stratum."""
LEAST_NEEDS = 30
"""Number of needs from which a stratum counts. An assumption: of so many normally distributed values, the standard
error itself is known to about an eighth, 1 / sqrt(2 x 29)."""
LEAST_STRATA = 4
"""Number of strata that have to count. One of them then shares at most .4 of its words, and a choice without one of
them still compares three."""


def shared_words(queries: Sequence[TrainingQuery], index: TermIndex) -> Floats:
    """(B,) The share of the distinct index terms of each query, without its session, that stand in a document of
    positive grade, typed or corrected, 0..1; 0 for a query of stop words alone."""
    return np.array([_shared_words(query, index) for query in queries], dtype=np.float64)


def _shared_words(query: TrainingQuery, index: TermIndex) -> float:
    wanted = (index.doc_rows.get(doc_id) for doc_id, grade in query.relevance.items() if grade > 0)
    held = {column for row in wanted if row is not None for column in entries_of(index.counts, row).columns.tolist()}
    n_shared = sum(index.term_ids.get(term) in held for term in set(query.terms.body))
    return min(n_shared / max(len(set(query.typed)), 1), 1.0)


@dataclass(frozen=True, eq=False)
class OverlapStrata:
    """B queries by their strata."""

    of_query: NDArray[np.int64]
    """(B,) number of the stratum of each query, the lowest share first."""
    needs: Needs
    """(B,) their needs."""

    @classmethod
    def of(cls, shares: Floats, needs: Needs) -> OverlapStrata:
        """The strata of queries that share these parts of their words (B,), 0..1."""
        bounds = np.ceil(np.round(N_STRATA * shares, 9))  # 3 x .2 is .6000000000000001
        return cls(np.maximum(bounds.astype(np.int64) - 1, 0), needs)

    @cached_property
    def n_queries(self) -> list[int]:
        """Number of queries of each stratum."""
        return [int((self.of_query == number).sum()) for number in range(N_STRATA)]

    @cached_property
    def n_needs(self) -> list[int]:
        """Number of needs of each stratum."""
        return [np.unique(self.needs[self.of_query == number]).size for number in range(N_STRATA)]

    @property
    def counted(self) -> list[int]:
        """The strata with enough needs."""
        return [number for number, n in enumerate(self.n_needs) if n >= LEAST_NEEDS]

    @property
    def are_enough(self) -> bool:
        """Whether a blend can be chosen by them."""
        return len(self.counted) >= LEAST_STRATA

    def equal(self, without: int | None = None) -> Strata:
        """The strata that count, each as much as the others; `without` one of them. There must be one."""
        return self._weighed([number for number in self.counted if number != without])

    def alone(self, number: int) -> Strata:
        """One stratum."""
        return self._weighed([number])

    def _weighed(self, numbers: Sequence[int]) -> Strata:
        shares = np.zeros(N_STRATA)
        shares[list(numbers)] = 1.0 / len(numbers)
        return Strata(self.of_query, shares[self.of_query] / np.array(self.n_queries)[self.of_query])
