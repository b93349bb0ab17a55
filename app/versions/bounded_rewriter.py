"""A rewriter within bounds: whatever happens to it, there is an answer, and the answer says what happened.

The rewriter runs in threads of its own. Queries that arrive while it is busy are rewritten together. One that is over
its budget cannot be stopped, but its thread is one of a few: those that come after it wait no longer than their own
budget, and what has not begun by then never begins. The threads are daemons, which a pool's are not: a service must
be able to end while its rewriter hangs. A rewriter that fails again and again is left alone for a while. Rewrites are
kept for a short while, so that popular queries cost nothing.
"""

from __future__ import annotations

import logging
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from dataclasses import dataclass, replace
from math import isfinite
from queue import SimpleQueue
from threading import Lock, Thread

from cachetools import TTLCache

from untilclick.app.versions.circuit_breaker import CircuitBreaker
from untilclick.rewriter.rewrite import Reason, Rewrite, Rewriter, RewriteRequest
from untilclick.rewriter.serving.blend import MAX_CONTEXT
from untilclick.search.errors import ModelError
from untilclick.search.records import WeightedQuery

TRIAL_S = 60.0
"""How long a rewrite may take when it is tried before it counts."""
BATCH = 32
"""Queries rewritten together at most."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RewriteLimits:
    """What a rewriter is granted."""

    budget_ms: float = 50.0
    max_characters: int = 1000
    """Longer queries are kept."""
    clauses: int = 512
    """The heaviest clauses of a rewritten query that are searched: fewer take less time where documents are many."""
    threads: int = 1
    failures: int = 10
    """So many in a row, over budget or in error, and the rewriter is not asked for `pause_s` seconds."""
    pause_s: float = 10.0
    cached: int = 2_000
    """Rewrites kept, of about 50 kB each with 200 terms; 0 keeps none."""
    cache_s: float = 60.0
    """Seconds for which they are kept: feedback terms change with the documents."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    request: RewriteRequest
    answer: Future[Rewrite]


class BoundedRewriter:
    """Answers every request, from the rewriter or with `Rewrite.keep`. Never raises what a rewriter raises."""

    def __init__(self, rewriter: Rewriter | None, limits: RewriteLimits) -> None:
        """Without a rewriter every query is kept."""
        self._rewriter = rewriter
        self._limits = limits
        self._waiting: deque[_Waiting] = deque()
        self._calls: SimpleQueue[bool] = SimpleQueue()  # one for what waits; False ends a thread
        if rewriter is not None:
            for _ in range(limits.threads):
                Thread(target=_work, args=(rewriter, self._waiting, self._calls), name="rewrite", daemon=True).start()
        self._end = weakref.finalize(self, _end, self._waiting, self._calls, limits.threads)
        self._breaker = CircuitBreaker(limits.failures, limits.pause_s)
        self._cache: TTLCache[RewriteRequest, Rewrite] = TTLCache(limits.cached, limits.cache_s)
        self._cache_lock = Lock()
        self.cache_hits = self.cache_misses = 0

    @property
    def version(self) -> str | None:
        """The rewriter's version; None without one."""
        return self._rewriter.version if self._rewriter else None

    @property
    def resting(self) -> bool:
        """Whether the rewriter has failed so often that it is left alone."""
        return self._breaker.open

    def rewrite(self, query: str, history: tuple[str, ...]) -> Rewrite:
        """The rewriter's answer, or the query as typed with the reason."""
        if not query.strip():
            return Rewrite.keep(query, Reason.EMPTY_QUERY)
        if self._rewriter is None:
            return Rewrite.keep(query, Reason.NO_MODEL)
        if len(query) > self._limits.max_characters:
            return Rewrite.keep(query, Reason.QUERY_TOO_LONG)
        request = RewriteRequest(query, history[-MAX_CONTEXT:])
        with self._cache_lock:
            kept = self._cache.get(request)
            self.cache_hits += kept is not None
            self.cache_misses += kept is None
        if kept is not None:
            return kept
        if not self._breaker.admits():
            return Rewrite.keep(query, Reason.BREAKER_OPEN)
        return self._within_budget(self._ask(request))

    def warm_up(self, query: str) -> None:
        """Rewrite once without a time budget: the first rewrite loads what later ones find loaded."""
        try:
            self.trial(query)
        except ModelError as error:
            _log.warning("The rewriter failed when it was tried: %s", error)

    def trial(self, query: str) -> Rewrite | None:
        """Rewrite without a time budget, cache or breaker; None without a rewriter. Raises ModelError where that
        fails."""
        if self._rewriter is None:
            return None
        waiting = self._ask(RewriteRequest(query))
        try:
            fault = waiting.answer.exception(TRIAL_S)
        except FutureTimeoutError:
            raise ModelError(f"Rewriting {query!r} takes longer than {TRIAL_S:g} s") from None
        if fault is not None:
            raise ModelError(f"Rewriting {query!r} failed: {fault}") from fault
        return waiting.answer.result()

    def close(self) -> None:
        """Let go of the threads without waiting for them; what waits is not begun."""
        self._end()

    def _ask(self, request: RewriteRequest) -> _Waiting:
        waiting = _Waiting(request, Future())
        self._waiting.append(waiting)
        self._calls.put(True)
        return waiting

    def _within_budget(self, waiting: _Waiting) -> Rewrite:
        query = waiting.request.query
        try:
            rewrite = waiting.answer.result(self._limits.budget_ms / 1000)
        except FutureTimeoutError:
            waiting.answer.cancel()
            _log.warning("A rewrite was not ready in %g ms: its query is searched as typed", self._limits.budget_ms)
            self._breaker.failed(apart_s=self._limits.budget_ms / 1000)  # one stall makes all late who wait for it
            return Rewrite.keep(query, Reason.OVER_BUDGET)
        except BaseException as fault:  # any fault of a model, whatever its kind, must leave the search unharmed
            _log.error("A rewrite failed", exc_info=fault)
            self._breaker.failed()
            return Rewrite.keep(query, Reason.ERROR)
        self._breaker.succeeded()
        rewrite = _shortened(rewrite, self._limits.clauses)
        if self._cache.maxsize:
            with self._cache_lock:
                self._cache[waiting.request] = rewrite
        return rewrite


def _work(rewriter: Rewriter, waiting: deque[_Waiting], calls: SimpleQueue[bool]) -> None:
    """What a thread does; it knows the rewriter and not its bounds, which end the thread when nobody has them."""
    while calls.get():
        _answer_waiting(rewriter, waiting)


def _end(waiting: deque[_Waiting], calls: SimpleQueue[bool], threads: int) -> None:
    with suppress(IndexError):  # its threads take from it, too
        while True:
            waiting.popleft().answer.cancel()
    for _ in range(threads):
        calls.put(False)


def _shortened(rewrite: Rewrite, n: int) -> Rewrite:
    blend, alone = rewrite.blend.heaviest(n), rewrite.replace.heaviest(n)
    if blend is rewrite.blend and alone is rewrite.replace:
        return rewrite
    return replace(rewrite, blend=blend, replace=alone)


def _answer_waiting(rewriter: Rewriter, waiting: deque[_Waiting]) -> None:
    """Rewrite what waits, together; nothing where an earlier call took all of it."""
    taken: list[_Waiting] = []
    while len(taken) < BATCH:
        try:
            one = waiting.popleft()
        except IndexError:
            break
        if one.answer.set_running_or_notify_cancel():
            taken.append(one)
    if not taken:
        return
    try:
        _answer(rewriter, taken)
    except BaseException as fault:  # raised again to those who wait for the answer
        if len(taken) == 1:
            taken[0].answer.set_exception(fault)
            return
        for one in taken:  # one bad query must not cost the others their rewrites
            try:
                _answer(rewriter, [one])
            except BaseException as own:  # as above
                one.answer.set_exception(own)


def _answer(rewriter: Rewriter, taken: Sequence[_Waiting]) -> None:
    answers = rewriter.rewrite([one.request for one in taken])
    if len(answers) != len(taken):
        raise ModelError(f"{len(taken)} queries have {len(answers)} rewrites")
    for rewrite in answers:
        _check(rewrite)
    for one, rewrite in zip(taken, answers, strict=True):
        one.answer.set_result(rewrite)


def _check(rewrite: Rewrite) -> None:
    """Raise ModelError for what cannot be searched or shown: that is the rewriter's fault, not the search's."""
    if not isinstance(rewrite, Rewrite):
        raise ModelError(f"{type(rewrite).__name__} is no rewrite")
    for query in (rewrite.blend, rewrite.replace):
        _check_clauses(query)
    shown = (rewrite.text, rewrite.correction or "", *rewrite.context, *(term for term, _ in rewrite.terms))
    if any(not isinstance(text, str) or "\x00" in text for text in shown):
        raise ModelError("a rewrite holds what is no text")
    "".join(shown).encode()  # raises UnicodeEncodeError, a ValueError, for halves of surrogate pairs


def _check_clauses(query: WeightedQuery) -> None:
    if not all(isfinite(weight) and weight >= 0 for _, weight in query.clauses):
        raise ModelError("a rewrite has a clause whose weight is negative or no number")
