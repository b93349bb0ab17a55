"""Queries that return: which visitors judge them, and which are learned from.

A query returns if several visitors typed it, as their client ids tell, and most of them clicked only on lists of
other queries: who finds at once has nothing to teach. It is the one kind of query whose need may stand on both sides
of a comparison, because visitors part the sides: versions learn from some visitors and are judged by what others
clicked. Sessions without a client id count as no visitor's: two of them may be one person's.

Most queries that return were typed by few visitors, so halves of the visitors do not serve: one key of four would
leave all of three visitors on one side. Of few visitors one judges, of many a fifth (`jury.py`).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from untilclick.rewriter.judging.evidence import LEAST_JUDGED
from untilclick.rewriter.judging.jury import LEAST_VISITORS, Jury, Visit
from untilclick.rewriter.judging.keyed_numbers import keyed_numbers
from untilclick.rewriter.judging.needs import terms_of_query
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.search.analysis.analysis import Analysis
from untilclick.search.records import Session, Turn

_SESSION, _ORDER, _JUDGE = "session", "returning", "returning judge"
"""Purposes of keyed numbers."""


@dataclass(frozen=True)
class ReturningRecord:
    """The counts of the queries that return, for records and reports."""

    n_queries: int
    """Distinct queries, by their index terms, that `LEAST_VISITORS` visitors or more typed, most of them in vain."""
    n_judged: int
    """Those of them that are judged: a visitor of theirs clicked something, and enough others are left."""
    n_visitors: int
    """Distinct client ids of the sessions."""
    n_anonymous: int
    """Sessions without a client id."""
    n_set_aside: int
    """Sessions that judge, from which nothing is learned."""

    @property
    def too_few(self) -> str:
        """What is missing for a verdict, as the reason of a finding; empty if enough queries are judged."""
        if self.n_judged >= LEAST_JUDGED:
            return ""
        queries = {0: "no query was", 1: "1 query was"}.get(self.n_judged, f"{self.n_judged:,} queries were")
        visitors = "1 visitor" if self.n_visitors == 1 else f"{self.n_visitors:,} visitors"
        sessions = "1 session" if self.n_anonymous == 1 else f"{self.n_anonymous:,} sessions"
        return (
            f"{queries} typed by {LEAST_VISITORS} visitors and clicked for by one who judges, and {LEAST_JUDGED} are "
            f"needed; client ids name {visitors} and are missing from {sessions}"
        )


@dataclass(frozen=True)
class Returning:
    """The queries of a log that return, and the sessions that judge them."""

    queries: tuple[str, ...]
    """A text of each, in alphabetical order: the first in the alphabet of all texts with the same index terms."""
    set_aside: NDArray[np.uint64]
    """(s,) keyed numbers of the sessions that judge, ascending."""
    judging: NDArray[np.uint64]
    """(j,) keyed numbers of the judged queries, each with the session that judges it, ascending."""
    key: SplitKey
    analysis: Analysis
    record: ReturningRecord

    def is_typed_in(self, session: Session) -> bool:
        """Whether one of the queries was typed in a session."""
        return any(terms_of_query(turn.query, self.analysis) in self._terms for turn in session.turns)

    def is_judged(self, session: Session) -> bool:
        """Whether the session is kept for judging. A version that is judged by it must not have learned from it."""
        return _holds(self.set_aside, self.key.number(_SESSION, session.session_id))

    def judged_turns(self, session: Session) -> tuple[Turn, ...]:
        """The turns whose queries the session judges, by all that it clicked. Of equal queries the first counts, and
        a visitor judges a query in one session only."""
        number = self.key.number(_SESSION, session.session_id)
        if not _holds(self.set_aside, number):
            return ()
        first: dict[str, Turn] = {}
        for turn in session.turns:
            first.setdefault(terms_of_query(turn.query, self.analysis), turn)
        return tuple(
            turn
            for terms, turn in first.items()
            if _holds(self.judging, self.key.number(_JUDGE, f"{number} {terms}"))
        )

    @cached_property
    def _terms(self) -> frozenset[str]:
        return frozenset(terms_of_query(query, self.analysis) for query in self.queries)


def returning_queries(sessions: Iterable[Session], analysis: Analysis, key: SplitKey) -> Returning:
    """The queries that return in some sessions, which are read once, and who judges them. The order of the sessions
    does not matter.

    Give the sessions that a version would learn from: of every query, two visitors or more are left to learn from.
    Sessions of one visitor that clicked a common document judge together, so that no version learns from the
    visitor's own search for the same thing in other words.
    """
    log = _Visitors(analysis, key)
    for session in sessions:
        log.add(session)
    return log.returning()


class _Visitors:
    """What the choice of judges has to know of the sessions of visitors, about 100 bytes each, and of all distinct
    texts and ids."""

    def __init__(self, analysis: Analysis, key: SplitKey) -> None:
        self._analysis = analysis
        self._key = key
        self._n_anonymous = 0
        self._sessions = array("Q")  # keyed number of each session
        self._client_of = array("q")  # number of its client
        self._typed = array("q")  # a session, and the number of a query's terms; and so on
        self._found = array("b")  # for each of these, whether the list of this query was clicked on
        self._clicked = array("q")  # a session, and the number of a document; and so on
        self._clients: dict[str, int] = {}
        self._documents: dict[str, int] = {}
        self._terms: dict[str, int] = {}
        self._terms_of: dict[str, int] = {}  # query -> number of its terms
        self._texts: list[str] = []  # by number of the terms, the first text in the alphabet

    def add(self, session: Session) -> None:
        """Read a session."""
        if not session.client_id:
            self._n_anonymous += 1
            return
        row = len(self._sessions)
        self._sessions.append(self._key.number(_SESSION, session.session_id))
        self._client_of.append(self._clients.setdefault(session.client_id, len(self._clients)))
        found: dict[int, bool] = {}
        for turn in session.turns:
            terms = self._number(turn.query)
            found[terms] = found.get(terms, False) or bool(turn.clicks)
        for terms, clicked in found.items():
            self._typed.extend((row, terms))
            self._found.append(clicked)
        for doc_id in set(session.clicked):
            self._clicked.extend((row, self._documents.setdefault(doc_id, len(self._documents))))

    def _number(self, query: str) -> int:
        """The number of the query's terms."""
        number = self._terms_of.get(query)
        if number is None:
            terms = terms_of_query(query, self._analysis)
            number = self._terms_of[query] = self._terms.setdefault(terms, len(self._terms))
            if number == len(self._texts):
                self._texts.append(query)
            self._texts[number] = min(self._texts[number], query)
        return number

    def returning(self) -> Returning:
        """The queries that return, with their judges."""
        client_of = np.array(self._client_of, dtype=np.int64)  # (sessions,)
        rows, typed = _columns(self._typed)
        pairs = np.unique(typed * len(self._clients) + client_of[rows])
        n_clients = np.bincount(pairs // max(len(self._clients), 1), minlength=len(self._terms))
        returns = (n_clients >= LEAST_VISITORS) & self._mostly_in_vain()  # (terms,)
        visits = self._visits(client_of)
        jury = self._jury(returns, client_of, visits)
        aside = np.isin(visits, sorted(jury.visits))
        numbers = np.array(self._sessions, dtype=np.uint64)
        terms = list(self._terms)
        judges = [(query, numbers[judge.sessions].min()) for query, judge in jury.judges()]
        return Returning(
            queries=tuple(sorted(self._texts[query] for query in np.flatnonzero(returns))),
            set_aside=np.sort(numbers[aside]),
            judging=np.sort(
                keyed_numbers(self._key, _JUDGE, (f"{number} {terms[query]}" for query, number in judges))
            ),
            key=self._key,
            analysis=self._analysis,
            record=ReturningRecord(
                n_queries=int(returns.sum()),
                n_judged=len({query for query, _ in judges}),
                n_visitors=len(self._clients),
                n_anonymous=self._n_anonymous,
                n_set_aside=int(aside.sum()),
            ),
        )

    def _mostly_in_vain(self) -> NDArray[np.bool_]:
        """(terms,) whether at most half of the clicked sessions with a query clicked on a list of this query."""
        rows, typed = _columns(self._typed)
        clicked = np.isin(rows, _columns(self._clicked)[0])
        found = np.array(self._found, dtype=bool)
        n_clicked, n_found = (np.bincount(typed[which], minlength=len(self._terms)) for which in (clicked, found))
        return np.asarray(2 * n_found <= n_clicked, dtype=np.bool_)

    def _visits(self, client_of: NDArray[np.int64]) -> NDArray[np.int64]:
        """(sessions,) the visit of each: sessions of one client that clicked a common document, in chains."""
        from scipy.sparse.csgraph import connected_components  # 10 MB that a service has no use for

        rows, documents = _columns(self._clicked)
        _, of_clients = np.unique(client_of[rows] * max(len(self._documents), 1) + documents, return_inverse=True)
        n = client_of.size + of_clients.size
        edges = (np.ones(rows.size, dtype=np.int8), (rows, client_of.size + of_clients))
        _, visits = connected_components(sparse.coo_array(edges, shape=(n, n)), directed=False)
        return visits[: client_of.size].astype(np.int64)

    def _jury(self, returns: NDArray[np.bool_], client_of: NDArray[np.int64], visits: NDArray[np.int64]) -> Jury:
        """The visitors of the queries that return, with the judges chosen."""
        rows, typed = _columns(self._typed)
        clicked = np.zeros(client_of.size, dtype=bool)
        clicked[_columns(self._clicked)[0]] = True
        terms, clients = list(self._terms), list(self._clients)
        jury = Jury()
        for row, query in zip(rows[returns[typed]].tolist(), typed[returns[typed]].tolist(), strict=True):
            jury.add(query, Visit(int(client_of[row]), int(visits[row]), row, bool(clicked[row])))
        order = {query: self._key.number(_ORDER, terms[query]) for query in np.flatnonzero(returns).tolist()}
        for query in sorted(order, key=order.__getitem__):
            jury.choose(query, partial(self._rank, terms[query], clients))
        return jury

    def _rank(self, terms: str, clients: Sequence[str], client: int) -> int:
        """A number for the order of a query's visitors."""
        return self._key.number(_ORDER, f"{terms}\n{clients[client]}")


def _columns(pairs: array[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the second numbers of pairs that follow each other."""
    both = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _holds(numbers: NDArray[np.uint64], number: int) -> bool:
    """Whether ascending numbers hold one."""
    place = int(numbers.searchsorted(np.uint64(number)))
    return place < numbers.size and int(numbers[place]) == number
