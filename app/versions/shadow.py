"""A candidate tried on live queries, its lists not shown: does it answer, how fast, and what would it change.

It runs after the visitor has been answered, one query at a time; while it is behind, queries are passed over. Clicks
say where the candidate would have had the document that was clicked. That favours what was shown, since nobody can
click on what was not: it says whether a candidate is safe to try, and an experiment says whether it is better.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from threading import Lock
from time import perf_counter

from cachetools import FIFOCache

from untilclick.app.versions.models import Loaded
from untilclick.rewriter.rewrite import Reason
from untilclick.search.engines.protocol import SearchEngine

DEPTH = 10
"""Ranks compared at most; where fewer were shown, as many as were."""
WAITING = 64
"""Queries that may wait for the candidate."""
REMEMBERED = 10_000
"""Lists kept for clicks to come."""

_FAULTS = frozenset({Reason.ERROR, Reason.OVER_BUDGET, Reason.BREAKER_OPEN})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShadowFigures:
    """What a candidate did since it began, in this process."""

    version: str
    queries: int = 0
    passed_over: int = 0
    faults: int = 0
    """Errors, and rewrites over budget."""
    changed: int = 0
    """Queries whose first ten, or as many as were shown, would have been others."""
    overlap: float = 0.0
    """Sum over queries of `overlap`."""
    milliseconds: float = 0.0
    """Sum of the times that its rewrites and searches took."""
    clicks: int = 0
    reciprocal_ranks_shown: float = 0.0
    """Sum over clicks, on the list shown."""
    reciprocal_ranks: float = 0.0
    """The same on the candidate's list; 0 where the document is not among its first ten."""


@dataclass(frozen=True, slots=True)
class ShownList:
    """What a visitor was answered."""

    query_id: str
    query: str
    history: tuple[str, ...]
    doc_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Tried:
    """The candidate's list for a query, and what was clicked in the list shown."""

    ranking: tuple[str, ...]
    clicked: set[str] = field(default_factory=set)


def overlap(shown: Sequence[str], own: Sequence[str]) -> float:
    """Share of the documents shown that another list has as well, 0..1.

    Where nothing was shown it is 1 if the other list is empty too, and else 0.
    """
    if not shown:
        return 0.0 if own else 1.0
    return len(set(shown) & set(own)) / len(shown)


class Shadow:
    """Runs candidates. May be shared between threads."""

    def __init__(self, engine: SearchEngine) -> None:
        self._engine = engine
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        self._lock = Lock()
        self._waiting = 0
        self._figures: ShadowFigures | None = None
        self._tried: FIFOCache[str, _Tried] = FIFOCache(REMEMBERED)  # used under the lock

    @property
    def figures(self) -> ShadowFigures | None:
        """Of the latest candidate; None before there was one."""
        return self._figures

    def run(self, candidate: Loaded, version: str, shown: ShownList) -> None:
        """Have the candidate try a query, later. Never waits for it, and never raises what it raises."""
        with self._lock:
            if self._figures is None or self._figures.version != version:
                self._figures = ShadowFigures(version)
                self._tried.clear()
            if self._waiting >= WAITING:
                self._figures = replace(self._figures, passed_over=self._figures.passed_over + 1)
                return
            self._waiting += 1
        self._pool.submit(self._try, candidate, version, shown)

    def click(self, query_id: str, doc_id: str, rank: int) -> None:
        """Note where the candidate had a document that was clicked. The same click again is passed over."""
        with self._lock:
            tried = self._tried.get(query_id)
            if tried is None or self._figures is None or doc_id in tried.clicked:
                return
            tried.clicked.add(doc_id)
            own = 1.0 / (tried.ranking.index(doc_id) + 1) if doc_id in tried.ranking else 0.0
            before = self._figures
            self._figures = replace(
                before,
                clicks=before.clicks + 1,
                reciprocal_ranks_shown=before.reciprocal_ranks_shown + 1.0 / rank,
                reciprocal_ranks=before.reciprocal_ranks + own,
            )

    def close(self) -> None:
        """Let go of the thread without waiting for it."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _try(self, candidate: Loaded, version: str, shown: ShownList) -> None:
        started = perf_counter()
        try:
            rewrite = candidate.rewriter.rewrite(shown.query, shown.history)
            ranking = [entry.doc_id for entry in self._engine.search([rewrite.blend], DEPTH)[0]]
            fault = rewrite.reason in _FAULTS
        except Exception:  # a candidate's faults are counted, whatever they are; nobody waits for them
            _log.exception("Version %s failed in the shadow", version)
            ranking, fault = [], True
        self._count(version, shown, ranking, fault=fault, ms=(perf_counter() - started) * 1000)

    def _count(self, version: str, shown: ShownList, ranking: Sequence[str], *, fault: bool, ms: float) -> None:
        first = list(shown.doc_ids[:DEPTH])
        own = list(ranking[: len(first) or DEPTH])  # where nothing was shown, all that it found is a change
        with self._lock:
            self._waiting -= 1
            before = self._figures
            if before is None or before.version != version:
                return
            self._figures = replace(
                before,
                queries=before.queries + 1,
                faults=before.faults + fault,
                changed=before.changed + (first != own),
                overlap=before.overlap + overlap(first, own),
                milliseconds=before.milliseconds + ms,
            )
            self._tried[shown.query_id] = _Tried(tuple(ranking))
