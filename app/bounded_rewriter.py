"""A rewriter within a time budget: whatever happens to it, there is an answer, and the answer says what happened.

The rewriter runs in threads of its own. One that is over its budget cannot be stopped, but its thread is one of a
few: those that come after it wait no longer than their own budget, and what has not begun by then never begins.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass

from rewriter.rewrite import Reason, Rewrite, Rewriter, RewriteRequest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RewriteLimits:
    """What a rewriter is granted."""

    budget_ms: float = 50.0
    max_characters: int = 1000
    """Longer queries are kept."""
    threads: int = 1


class BoundedRewriter:
    """Answers every request, from the rewriter or with `Rewrite.keep`. Never raises what a rewriter raises."""

    def __init__(self, rewriter: Rewriter | None, limits: RewriteLimits) -> None:
        """Without a rewriter every query is kept."""
        self._rewriter = rewriter
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="rewrite") if rewriter else None

    @property
    def version(self) -> str | None:
        """The rewriter's version; None without one."""
        return self._rewriter.version if self._rewriter else None

    def rewrite(self, query: str, history: tuple[str, ...]) -> Rewrite:
        """The rewriter's answer, or the query as typed with the reason."""
        if not query.strip():
            return Rewrite.keep(query, Reason.EMPTY_QUERY)
        if self._rewriter is None or self._pool is None:
            return Rewrite.keep(query, Reason.NO_MODEL)
        if len(query) > self._limits.max_characters:
            return Rewrite.keep(query, Reason.QUERY_TOO_LONG)
        future = self._pool.submit(self._rewriter.rewrite, [RewriteRequest(query, history)])
        return self._within_budget(query, future)

    def warm_up(self, query: str) -> None:
        """Rewrite once without a time budget: the first rewrite loads what later ones find loaded."""
        if self._pool and self._rewriter:
            fault = self._pool.submit(self._rewriter.rewrite, [RewriteRequest(query)]).exception()
            if fault is not None:
                _log.warning("The rewriter failed when it was tried: %s", fault)

    def close(self) -> None:
        """Let go of the threads without waiting for them."""
        if self._pool:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _within_budget(self, query: str, future: Future[list[Rewrite]]) -> Rewrite:
        try:
            return future.result(self._limits.budget_ms / 1000)[0]
        except FutureTimeoutError:
            future.cancel()
            _log.warning("A rewrite took more than %g ms", self._limits.budget_ms)
            return Rewrite.keep(query, Reason.OVER_BUDGET)
        except Exception:  # any fault of a model, whatever its kind, must leave the search unharmed
            _log.exception("A rewrite failed")
            return Rewrite.keep(query, Reason.ERROR)
