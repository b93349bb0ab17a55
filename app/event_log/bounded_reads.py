"""Reads of a database that may hang, within a time budget.

A read cannot be stopped. If it exceeds its budget, its caller gets LogAwayError and the read continues in a thread of
its own. The number of simultaneous reads is limited: while all of them hang, a further read waits for the end of
another, within its own budget. The threads are daemons, so that a service can end while its database hangs; the
threads of a `ThreadPoolExecutor` would keep it from ending.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from threading import Semaphore, Thread
from time import monotonic
from typing import TypeVar

from untilclick.search.errors import LogAwayError

T = TypeVar("T")


class BoundedReads:
    """Runs a limited number of reads at a time, each within the budget of its caller."""

    def __init__(self, at_once: int) -> None:
        self._places = Semaphore(at_once)

    def read(self, act: Callable[[], T], seconds: float) -> T:
        """Call `act` and return what it returns, or raise what it raises. Raises LogAwayError after `seconds`."""
        deadline = monotonic() + seconds
        if not self._places.acquire(timeout=seconds):
            raise LogAwayError(f"All reads of the session log hang; none of them ended within {seconds:g} s.")
        future: Future[T] = Future()
        try:
            Thread(target=self._run, args=(act, future), name="log-read", daemon=True).start()
        except RuntimeError as error:  # the system has no more threads
            self._places.release()
            raise LogAwayError(f"The session log cannot be read: {error}.") from error
        try:
            return future.result(max(0.0, deadline - monotonic()))
        except FutureTimeoutError:
            raise LogAwayError(f"Reading the session log took longer than {seconds:g} s.") from None

    def _run(self, act: Callable[[], T], future: Future[T]) -> None:
        try:
            future.set_result(act())
        except BaseException as error:  # the caller raises it
            future.set_exception(error)
        finally:
            self._places.release()
