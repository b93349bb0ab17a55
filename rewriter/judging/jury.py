"""The judges of queries that return: visitors whose sessions are kept from learning.

Sessions hold several queries, so a judge of one query is lost to the others that the same session holds. Judges are
therefore chosen one query after the other, and only where enough visitors of every query are left to learn from.
Queries, visitors, visits and sessions are numbers here.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

LEAST_VISITORS = 3
"""Smallest number of visitors of a query that returns."""
LEAST_LEARNED = 2
"""Smallest number of a query's visitors that are left to learn from: no single visitor decides what is learned."""
JUDGED_SHARE, MOST_JUDGED = 0.2, 10
"""Share of a query's visitors that judge it, one at least, and the largest number of them. One visitor's clicks are a
noisy judgment, and a query of many visitors can spare some. Beyond ten, the differences between queries outweigh that
noise, and what judges is lost to the other queries of its sessions."""


class Visit(NamedTuple):
    """A session in which a visitor typed a query that returns."""

    visitor: int
    visit: int
    """Sessions of the same visit judge together."""
    session: int
    clicked: bool
    """Whether the session has a click."""


class Judge(NamedTuple):
    """A visitor who judges a query."""

    visitor: int
    sessions: list[int]
    """Those with the query and a click."""


class Jury:
    """The visitors of queries, and the visits that are kept for judging."""

    def __init__(self) -> None:
        self.visits: set[int] = set()
        """The visits that judge."""
        self._visits_of: defaultdict[tuple[int, int], set[int]] = defaultdict(set)  # (query, visitor)
        self._queries_of: defaultdict[int, set[int]] = defaultdict(set)  # visit
        self._sessions_of: defaultdict[tuple[int, int], list[int]] = defaultdict(list)  # with a click
        self._visitors_of: defaultdict[int, set[int]] = defaultdict(set)  # query
        self._n_lost: Counter[int] = Counter()  # query -> visitors that are not learned from

    def add(self, query: int, visit: Visit) -> None:
        """Add a session in which the query was typed."""
        self._visitors_of[query].add(visit.visitor)
        self._visits_of[query, visit.visitor].add(visit.visit)
        self._queries_of[visit.visit].add(query)
        if visit.clicked:
            self._sessions_of[query, visit.visitor].append(visit.session)

    def choose(self, query: int, rank: Callable[[int], int]) -> None:
        """Choose the judges of a query among its visitors with a click, those of the smallest rank first. Visitors
        who judge by all of their visits already count."""
        candidates = [visitor for visitor in self._visitors_of[query] if (query, visitor) in self._sessions_of]
        wanted = self._wanted(query) - sum(self._judges(query, visitor) for visitor in candidates)
        for visitor in sorted(candidates, key=rank):
            if wanted <= 0:
                return
            wanted -= self._take(query, visitor)

    def judges(self) -> Iterator[tuple[int, Judge]]:
        """Each query with each visitor who judges it and is not learned from."""
        for (query, visitor), sessions in self._sessions_of.items():
            if self._judges(query, visitor):
                yield query, Judge(visitor, sessions)

    def n_learned(self, query: int) -> int:
        """Number of a query's visitors that are learned from."""
        return len(self._visitors_of[query]) - self._n_lost[query]

    def _wanted(self, query: int) -> int:
        n = len(self._visitors_of[query])
        return min(max(int(JUDGED_SHARE * n), 1), MOST_JUDGED)

    def _judges(self, query: int, visitor: int) -> bool:
        """Whether every visit of a visitor with the query judges."""
        return self._visits_of[query, visitor] <= self.visits

    def _take(self, query: int, visitor: int) -> bool:
        """Let a visitor judge a query by all visits that hold it; False if that is so already, or leaves too few
        visitors of any query to learn from."""
        visits = self._visits_of[query, visitor] - self.visits
        if not visits:
            return False
        held = set[int]().union(*(self._queries_of[visit] for visit in visits))
        lost = [other for other in held if self._visits_of[other, visitor] <= self.visits | visits]
        if any(self.n_learned(other) <= LEAST_LEARNED for other in lost):
            return False
        self.visits |= visits
        self._n_lost.update(lost)
        return True
