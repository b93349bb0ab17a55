"""Simulated users who look at the rankings of several systems: the same users with the same needs for each system.

The users read the documents alone. Their needs are known items made from documents (`search/corpora/topics.py`), and
what they type, click and do next is that of `search/users`. A user's queries depend on nothing that a system shows,
so they are all typed beforehand; a system decides with which of them the session ends. Clicks on every list, and what
a user does then, are drawn from the same numbers (common random numbers: Law, "Simulation Modeling and Analysis",
chapter on variance reduction), so that systems differ by their rankings and not by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from untilclick.search.click_models.base import DRAWS_PER_RANK, NO_DOCUMENT
from untilclick.search.click_models.by_name import click_model
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.records import Collection, Corpus, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.user import SimulatedUser, TypedQuery, UserConfig

Floats = NDArray[np.float64]
TopRows = Callable[[Sequence[str]], NDArray[np.int64]]
"""(B, k) rows of the documents that a system shows for queries, -1 below the end."""

FIRST_QUERY = "first query"
SESSION_CLICKS = "clicks a session"
SESSIONS = "sessions"
MEASURES = {
    FIRST_QUERY: "satisfying clicks on the first ten documents of the first query",
    SESSION_CLICKS: "satisfying clicks of a session with all its reformulations",
    SESSIONS: "share of sessions that end in a satisfying click",
}
"""The measures by which simulated users rank systems."""
STRATA = (0.0, 0.2, 0.4, 0.6, 0.8, 1.01)
"""Borders of the strata of overlap, each below its upper border; the last one holds 1."""
LEAST_USERS = 200
"""Users that a stratum needs to rank systems."""


@dataclass(frozen=True, eq=False)
class SimulatedUsers:
    """Users of a corpus, each with a need and the queries that it types if nothing ends the session."""

    topics: tuple[Topic, ...]
    """Known items."""
    needs: NDArray[np.int64]
    """(N,) row in `topics` of each user's need."""
    queries: tuple[tuple[str, ...], ...]
    """(N,) queries of each user, in order."""
    config: UserConfig
    """Their habits."""
    draws: Floats
    """(N, steps, k, 2) random numbers that decide the clicks on the list of each query."""
    patience: Floats
    """(N, steps) random numbers that decide whether a user searches on after each query."""
    overlap: Floats
    """(N,) share of the first query's terms that the wanted document has, 0..1."""

    @classmethod
    def of(cls, corpus: Corpus, index: TermIndex, config: UserConfig, n: int, seed: int) -> SimulatedUsers:
        """n users. All needs have the same number of users, or one more. Users of other numbers n are the first ones
        of these. Raises ValueError for a corpus without known items."""
        topics = known_items(corpus, index, seed)
        if not topics:
            raise ValueError(f"{corpus.source}: no document has enough text for a known item")
        patient = replace(config, give_up_prob=0.0)  # who gives up is decided by `patience`
        user = SimulatedUser.of(Collection(corpus, {"made": topics}, "made"), patient, index)
        order = np.random.default_rng((seed, 1)).permutation(len(topics))
        needs = order[np.arange(n) % len(topics)]
        queries = tuple(_typed(user, topics[need], (seed, 0, number)) for number, need in enumerate(needs.tolist()))
        steps, k = config.max_queries, config.results_examined
        draws = np.random.default_rng((seed, 2)).random((n, steps, k, DRAWS_PER_RANK))
        patience = np.random.default_rng((seed, 3)).random((n, steps))
        wanted = [next(iter(topics[need].relevance)) for need in needs.tolist()]
        overlap = np.array(
            [overlap_of(index, typed[0], doc_id) for typed, doc_id in zip(queries, wanted, strict=True)]
        )
        return cls(topics, needs, queries, config, draws, patience, overlap)

    def values(self, rank: TopRows, doc_rows: dict[str, int]) -> dict[str, Floats]:
        """Measure -> (needs,) its mean over the users of each need that has any, in the order of `topics`.

        The measures are those of `MEASURES`, and that of the first query for the users of each stratum of overlap
        that has at least `LEAST_USERS`."""
        first, clicks, satisfied = self._searched(rank, self._wanted(doc_rows))
        everyone = np.full(len(self.needs), fill_value=True)
        measures = {
            FIRST_QUERY: (first, everyone),
            SESSION_CLICKS: (clicks, everyone),
            SESSIONS: (satisfied, everyone),
        }
        for low, high in pairwise(STRATA):
            stratum = (self.overlap >= low) & (self.overlap < high)
            if stratum.sum() >= LEAST_USERS:
                measures[f"overlap {low:.1f} to {min(high, 1.0):.1f}"] = first, stratum
        return {name: self._by_need(values, users) for name, (values, users) in measures.items()}

    def _by_need(self, values: Floats, users: NDArray[np.bool_]) -> Floats:
        """(needs,) means of values (N,) over some users of each need that has any."""
        sums, counts = (np.bincount(self.needs[users], each, len(self.topics)) for each in (values[users], None))
        return np.asarray(sums[counts > 0] / counts[counts > 0])

    def _wanted(self, doc_rows: dict[str, int]) -> list[dict[int, int]]:
        """Row -> grade of each need's documents."""
        return [{doc_rows[doc_id]: grade for doc_id, grade in topic.relevance.items()} for topic in self.topics]

    def _searched(self, rank: TopRows, wanted: Sequence[dict[int, int]]) -> tuple[Floats, Floats, Floats]:
        """(N,) each: satisfying clicks of the first query and of the session, and 1 if its last query has one."""
        model = click_model(self.config.click_model, self.config.behaviour, 1)
        clicks = np.zeros(len(self.needs))
        last, first = np.zeros_like(clicks), np.zeros_like(clicks)
        lengths = np.array([len(queries) for queries in self.queries])
        searching = np.arange(len(self.needs))
        for step in range(self.draws.shape[1]):
            searching = searching[lengths[searching] > step]
            if not searching.size:
                break
            shown = rank([self.queries[i][step] for i in searching])  # (A, k)
            grades = np.array(
                [_grades(wanted[self.needs[i]], rows) for i, rows in zip(searching, shown.tolist(), strict=True)]
            )
            satisfied = model.sample_with(grades, self.draws[searching, step]).satisfied > 0  # (A,)
            clicks[searching] += satisfied
            last[searching] = satisfied
            first = clicks.copy() if step == 0 else first
            searching = searching[self._searches_on(self.patience[searching, step], satisfied)]
        return first, clicks, last

    def _searches_on(self, patience: Floats, satisfied: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(A,) whether users type another query after one that satisfied them or did not."""
        return np.where(satisfied, patience < self.config.go_on_prob, patience >= self.config.give_up_prob)


def overlap_of(index: TermIndex, query: str, doc_id: str) -> float:
    """Share of the distinct index terms of a query that a document has, 0..1; 0 for a query without terms."""
    terms, row = set(index.analysis.terms(query)), index.doc_rows[doc_id]
    ids = index.counts.indices[index.counts.indptr[row] : index.counts.indptr[row + 1]]
    present = {index.term_ids[term] for term in terms if term in index.term_ids}
    return len(present.intersection(ids.tolist())) / len(terms) if terms else 0.0


def known_items(corpus: Corpus, index: TermIndex, seed: int) -> tuple[Topic, ...]:
    """A known item for each document with enough text, of all splits, in the order of the splits."""
    by_split = topics_from_documents(corpus.documents, seed, index.analysis)
    return tuple(topic for of_split in by_split.values() for topic in of_split)


def _typed(user: SimulatedUser, topic: Topic, seed: tuple[int, ...]) -> tuple[str, ...]:
    """All queries that one user may type."""
    rng = np.random.default_rng(seed)
    typed: list[TypedQuery] = []
    query: TypedQuery | None = user.first_query(topic, rng)
    while query is not None:
        typed.append(query)
        query = user.next_query(topic, query, rng)
    return tuple(query.text for query in typed)


def _grades(wanted: dict[int, int], rows: Sequence[int]) -> list[int]:
    """The grade of the document at each rank."""
    return [NO_DOCUMENT if row < 0 else wanted.get(row, 0) for row in rows]
