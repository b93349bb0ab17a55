"""The shadow: a candidate version rewrites and searches live queries, and its result lists are not shown.

The candidate runs after the visitor has been answered, one query at a time; queries that arrive while too many wait
are skipped. The figures tell how often the candidate fails, how long it takes and how much it would change. For each
click they also tell the rank that the clicked document has in the candidate's list. That comparison favours the list
shown, since only shown documents can be clicked: the shadow tells whether a candidate is safe to try, an experiment
tells whether it is better.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from time import perf_counter

from cachetools import FIFOCache

from untilclick.app.versions.in_use import LoadedVersion
from untilclick.rewriter.rewrite import Reason
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery

DEPTH = 10
"""Number of ranks that are compared; fewer if fewer were shown."""
WAITING = 64
"""Number of queries that may wait for the candidate."""
REMEMBERED = 10_000
"""Number of the candidate's lists that are kept for clicks to come."""

_FAULTS = frozenset({Reason.ERROR, Reason.OVER_BUDGET, Reason.BREAKER_OPEN})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShadowFigures:
    """Figures of a candidate in this process since it entered the shadow."""

    version: str
    queries: int = 0
    """Queries that the candidate rewrote and searched."""
    passed_over: int = 0
    """Queries that were skipped because too many waited."""
    faults: int = 0
    """Errors, and rewrites over their time limit."""
    changed: int = 0
    """Queries whose list differs from the one shown, in the first ten ranks or in as many as were shown."""
    overlap: float = 0.0
    """Sum over queries of `overlap`."""
    milliseconds: float = 0.0
    """Sum over queries of the time for rewriting and searching."""
    clicks: int = 0
    """Clicks on lists of these queries."""
    reciprocal_ranks_shown: float = 0.0
    """Sum over clicks of the document's reciprocal rank in the list shown."""
    reciprocal_ranks: float = 0.0
    """Sum over clicks of its reciprocal rank in the candidate's list; 0 if it is not among the first ten."""


@dataclass(frozen=True, slots=True)
class ShownList:
    """A query and the result list that its visitor saw."""

    query_id: str
    query: str
    history: tuple[str, ...]
    doc_ids: tuple[str, ...]
    titled: Sequence[str] = ()
    """Ids of the documents whose title is the query: they come first in the candidate's list too."""


@dataclass(frozen=True, slots=True)
class _CandidateList:
    """The candidate's list for a query, and the documents that were clicked in the list shown."""

    ranking: tuple[str, ...]
    clicked: set[str] = field(default_factory=set)


def overlap(shown: Sequence[str], other: Sequence[str]) -> float:
    """Share of the documents shown that another list has as well, 0..1.

    If nothing was shown: 1 if the other list is empty too, otherwise 0.
    """
    if not shown:
        return 0.0 if other else 1.0
    return len(set(shown) & set(other)) / len(shown)


class Shadow:
    """Runs candidates and counts what they do. May be shared between threads."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        self._lock = Lock()
        self._waiting = 0
        self._figures: ShadowFigures | None = None
        self._lists: FIFOCache[str, _CandidateList] = FIFOCache(REMEMBERED)  # used under the lock

    @property
    def figures(self) -> ShadowFigures | None:
        """Figures of the latest candidate; None before the first one."""
        return self._figures

    def run(self, candidate: LoadedVersion, version: str, shown: ShownList) -> None:
        """Let the candidate rewrite and search a query later. Does not wait for it and raises none of its errors."""
        with self._lock:
            if self._figures is None or self._figures.version != version:
                self._figures = ShadowFigures(version)
                self._lists.clear()
            if self._waiting >= WAITING:
                self._figures = replace(self._figures, passed_over=self._figures.passed_over + 1)
                return
            self._waiting += 1
        self._pool.submit(self._try, candidate, version, shown)

    def click(self, query_id: str, doc_id: str, rank: int) -> None:
        """Count a click on the document shown at a 1-based rank. A repeated click does not count."""
        with self._lock:
            candidate = self._lists.get(query_id)
            if candidate is None or self._figures is None or doc_id in candidate.clicked:
                return
            candidate.clicked.add(doc_id)
            in_list = doc_id in candidate.ranking
            reciprocal_rank = 1.0 / (candidate.ranking.index(doc_id) + 1) if in_list else 0.0
            before = self._figures
            self._figures = replace(
                before,
                clicks=before.clicks + 1,
                reciprocal_ranks_shown=before.reciprocal_ranks_shown + 1.0 / rank,
                reciprocal_ranks=before.reciprocal_ranks + reciprocal_rank,
            )

    def close(self) -> None:
        """Release the thread without waiting for it."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _try(self, candidate: LoadedVersion, version: str, shown: ShownList) -> None:
        started = perf_counter()
        try:
            rewrite = candidate.rewriter.rewrite(shown.query, shown.history)
            (ranked,) = rank(candidate.engine, [SearchedQuery.of(rewrite)], DEPTH, titled=[shown.titled])
            ranking = [entry.doc_id for entry in ranked.shown]
            fault = rewrite.reason in _FAULTS
        except Exception:  # any error of a candidate is only counted: no visitor waits for its answer
            _log.exception("Version %s failed in the shadow", version)
            ranking, fault = [], True
        self._count(version, shown, ranking, fault=fault, ms=(perf_counter() - started) * 1000)

    def _count(self, version: str, shown: ShownList, ranking: Sequence[str], *, fault: bool, ms: float) -> None:
        first = list(shown.doc_ids[:DEPTH])
        candidate = list(ranking[: len(first) or DEPTH])  # beside an empty list every result is a change
        with self._lock:
            self._waiting -= 1
            before = self._figures
            if before is None or before.version != version:
                return
            self._figures = replace(
                before,
                queries=before.queries + 1,
                faults=before.faults + fault,
                changed=before.changed + (first != candidate),
                overlap=before.overlap + overlap(first, candidate),
                milliseconds=before.milliseconds + ms,
            )
            self._lists[shown.query_id] = _CandidateList(tuple(ranking))
