"""A rewriter within limits: every request gets an answer, whatever happens to the rewriter, and a reason for it.

The rewriter runs in threads of its own. Queries that arrive while it is busy are rewritten together. A rewrite over
its time limit cannot be stopped, but it occupies only one of a few threads: later requests wait no longer than their
own limit, and a rewrite that has not begun by then never begins. The threads are daemons, unlike those of a pool, so
that the service can end while its rewriter hangs. After several failures in a row the rewriter is not called for a
while. Rewrites are cached for a short while, so that popular queries cost nothing.
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
from untilclick.app.versions.without_encoder import WithoutEncoder
from untilclick.rewriter.rewrite import Reason, Rewrite, Rewriter, RewriteRequest
from untilclick.rewriter.serving.blend import MAX_CONTEXT
from untilclick.search.errors import EncoderError, ModelError
from untilclick.search.records import WeightedQuery

TRIAL_S = 60.0
"""Time limit of a rewrite without a budget, in seconds."""
BATCH = 32
"""Most queries that are rewritten together."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RewriteLimits:
    """The limits of a rewriter."""

    budget_ms: float = 50.0
    """Time limit of a rewrite in milliseconds."""
    max_characters: int = 1000
    """Longer queries are searched as typed."""
    clauses: int = 512
    """Number of clauses of a rewritten query that are searched, the heaviest first: fewer take less time if there are
    many documents."""
    threads: int = 1
    """Number of rewrites computed at the same time."""
    failures: int = 10
    """Failures in a row, errors or rewrites over their time limit, after which the rewriter pauses."""
    pause_s: float = 10.0
    """Length of the pause in seconds."""
    cached: int = 2_000
    """Number of rewrites in the cache, of about 50 kB each with 200 terms; 0: no cache."""
    cache_s: float = 60.0
    """Seconds for which a rewrite is cached: the feedback terms in it change with the documents."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A request, and the future of its rewrite."""

    request: RewriteRequest
    answer: Future[Rewrite]


class BoundedRewriter:
    """Answers every request with a rewrite or with `Rewrite.keep`. Never raises an error of the rewriter."""

    def __init__(self, rewriter: Rewriter | None, limits: RewriteLimits) -> None:
        """Start the threads. Without a rewriter every query is kept as typed."""
        self._rewriter = rewriter
        self._limits = limits
        self._waiting: deque[_Waiting] = deque()
        self._calls: SimpleQueue[bool] = SimpleQueue()  # True: a request waits; False: a thread shall end
        if rewriter is not None:
            for _ in range(limits.threads):
                Thread(target=_work, args=(rewriter, self._waiting, self._calls), name="rewrite", daemon=True).start()
        self._end = weakref.finalize(self, _end, self._waiting, self._calls, limits.threads)
        self._breaker = CircuitBreaker(limits.failures, limits.pause_s)
        self.encoder_fault = rewriter.fault if isinstance(rewriter, WithoutEncoder) else None
        """Why the rewriter's sentence encoder cannot be used, in a sentence; None as long as it can."""
        self._cache: TTLCache[RewriteRequest, Rewrite] = TTLCache(limits.cached, limits.cache_s)
        self._cache_lock = Lock()
        self.cache_hits = self.cache_misses = 0

    @property
    def version(self) -> str | None:
        """The rewriter's version; None without a rewriter."""
        return self._rewriter.version if self._rewriter else None

    @property
    def resting(self) -> bool:
        """Whether the rewriter pauses after failures."""
        return self._breaker.open

    def rewrite(self, query: str, history: tuple[str, ...]) -> Rewrite:
        """The rewrite of a query after the earlier queries of its session, or the query as typed with the reason."""
        if not query.strip():
            return Rewrite.keep(query, Reason.EMPTY_QUERY)
        if self._rewriter is None:
            return Rewrite.keep(query, Reason.NO_MODEL)
        if len(query) > self._limits.max_characters:
            return Rewrite.keep(query, Reason.QUERY_TOO_LONG)
        request = RewriteRequest(query, history[-MAX_CONTEXT:])
        with self._cache_lock:
            cached = self._cache.get(request)
            self.cache_hits += cached is not None
            self.cache_misses += cached is None
        if cached is not None:
            return cached
        if not self._breaker.admits():
            return Rewrite.keep(query, Reason.BREAKER_OPEN)
        return self._within_budget(self._ask(request))

    def warm_up(self, query: str) -> None:
        """Rewrite a query without a budget: the first rewrite loads what later ones use. An error is only logged."""
        try:
            self.trial(query)
        except ModelError as error:
            _log.warning("The rewriter failed in its trial: %s", error)

    def trial(self, query: str) -> Rewrite | None:
        """Rewrite a query without budget, cache and breaker; None without a rewriter. Raises ModelError."""
        if self._rewriter is None:
            return None
        if isinstance(self._rewriter, WithoutEncoder):
            raise EncoderError(self._rewriter.fault)
        waiting = self._ask(RewriteRequest(query))
        try:
            fault = waiting.answer.exception(TRIAL_S)
        except FutureTimeoutError:
            raise ModelError(f"Rewriting {query!r} takes longer than {TRIAL_S:g} s") from None
        if fault is not None:
            raise ModelError(f"Rewriting {query!r} failed: {fault}") from fault
        return waiting.answer.result()

    def close(self) -> None:
        """Release the threads without waiting for them; requests that wait are cancelled."""
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
            self._breaker.failed(apart_s=self._limits.budget_ms / 1000)  # one stall delays every request that waits
            return Rewrite.keep(query, Reason.OVER_BUDGET)
        except EncoderError as fault:
            _log.error("A query is searched as typed: %s", fault)
            self.encoder_fault = str(fault)
            self._breaker.failed()
            return Rewrite.keep(query, Reason.NO_ENCODER)
        except BaseException as fault:  # no error of a model, of whatever kind, may harm the search
            _log.error("A rewrite failed", exc_info=fault)
            self._breaker.failed()
            return Rewrite.keep(query, Reason.ERROR)
        self._breaker.succeeded()
        if rewrite.reason is not Reason.NO_ENCODER:
            self.encoder_fault = None
        rewrite = _shortened(rewrite, self._limits.clauses)
        if self._cache.maxsize:
            with self._cache_lock:
                self._cache[waiting.request] = rewrite
        return rewrite


def _work(rewriter: Rewriter, waiting: deque[_Waiting], calls: SimpleQueue[bool]) -> None:
    """The loop of a thread.

    It does not refer to its `BoundedRewriter`; the thread ends when nothing else refers to it.
    """
    while calls.get():
        _answer_waiting(rewriter, waiting)


def _end(waiting: deque[_Waiting], calls: SimpleQueue[bool], threads: int) -> None:
    with suppress(IndexError):  # the threads take requests at the same time
        while True:
            waiting.popleft().answer.cancel()
    for _ in range(threads):
        calls.put(False)


def _shortened(rewrite: Rewrite, n: int) -> Rewrite:
    """The rewrite with the `n` heaviest clauses of all its queries."""
    blend, alone, documents = rewrite.blend.heaviest(n), rewrite.replace.heaviest(n), rewrite.documents
    if documents is not None and (words := documents.words.heaviest(n)) is not documents.words:
        documents = replace(documents, words=words)
    if blend is rewrite.blend and alone is rewrite.replace and documents is rewrite.documents:
        return rewrite
    return replace(rewrite, blend=blend, replace=alone, documents=documents)


def _answer_waiting(rewriter: Rewriter, waiting: deque[_Waiting]) -> None:
    """Rewrite the waiting queries together; an earlier call may have taken all of them."""
    batch: list[_Waiting] = []
    while len(batch) < BATCH:
        try:
            entry = waiting.popleft()
        except IndexError:
            break
        if entry.answer.set_running_or_notify_cancel():
            batch.append(entry)
    if not batch:
        return
    try:
        _answer(rewriter, batch)
    except BaseException as fault:  # the callers that wait for the future get the error
        if len(batch) == 1:
            batch[0].answer.set_exception(fault)
            return
        for entry in batch:  # one bad query must not cost the others their rewrites
            try:
                _answer(rewriter, [entry])
            except BaseException as fault_of_entry:  # as above
                entry.answer.set_exception(fault_of_entry)


def _answer(rewriter: Rewriter, batch: Sequence[_Waiting]) -> None:
    rewrites = rewriter.rewrite([entry.request for entry in batch])
    if len(rewrites) != len(batch):
        raise ModelError(f"the rewriter returned {len(rewrites)} rewrites for {len(batch)} queries")
    for rewrite in rewrites:
        _check(rewrite)
    for entry, rewrite in zip(batch, rewrites, strict=True):
        entry.answer.set_result(rewrite)


def _check(rewrite: Rewrite) -> None:
    """Raise ModelError for a rewrite that cannot be searched or shown: the rewriter is at fault, not the search."""
    if not isinstance(rewrite, Rewrite):
        raise ModelError(f"the rewriter returned a {type(rewrite).__name__}, not a rewrite")
    for query in (rewrite.blend, rewrite.replace):
        _check_clauses(query)
    if rewrite.documents is not None:
        _check_clauses(rewrite.documents.words)
        if not (0 <= rewrite.documents.weight <= 1 and 0 <= rewrite.documents.typed <= 1):
            raise ModelError("a rewrite weighs documents or the query as typed by other than 0 to 1")
        prior = rewrite.documents.prior
        if prior is not None and not 0 <= prior.weight <= 1:
            raise ModelError("a rewrite weighs the prominence of documents by other than 0 to 1")
    shown = (rewrite.text, rewrite.correction or "", *rewrite.context, *(term for term, _ in rewrite.terms))
    if any(not isinstance(text, str) or "\x00" in text for text in shown):
        raise ModelError("a rewrite contains a value that is not text, or a NUL character")
    "".join(shown).encode()  # raises UnicodeEncodeError, a ValueError, for halves of surrogate pairs


def _check_clauses(query: WeightedQuery) -> None:
    if not all(isfinite(weight) and weight >= 0 for _, weight in query.clauses):
        raise ModelError("a rewrite has a clause whose weight is negative or not a finite number")
