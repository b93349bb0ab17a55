"""Reading a database that may be slow, within a time budget.

A read that is over its budget cannot be stopped. It goes on in a thread of its own, and while as many as allowed are
stuck, further ones wait for a place no longer than their budget. The threads are daemons, which a pool's are not: a
service must be able to end while its database hangs.
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
    """At most so many reads at once, each within the time that its caller can wait."""

    def __init__(self, at_once: int) -> None:
        self._places = Semaphore(at_once)

    def read(self, act: Callable[[], T], seconds: float) -> T:
        """What `act` returns or raises. Raises LogAwayError after `seconds`."""
        deadline = monotonic() + seconds
        if not self._places.acquire(timeout=seconds):
            raise LogAwayError(f"All reads of the session log hang, none ended within {seconds:g} s.")
        future: Future[T] = Future()
        try:
            Thread(target=self._run, args=(act, future), name="log-read", daemon=True).start()
        except RuntimeError as error:  # no more threads
            self._places.release()
            raise LogAwayError(f"The session log cannot be read: {error}.") from error
        try:
            return future.result(max(0.0, deadline - monotonic()))
        except FutureTimeoutError:
            raise LogAwayError(f"it took longer than {seconds:g} s") from None

    def _run(self, act: Callable[[], T], future: Future[T]) -> None:
        try:
            future.set_result(act())
        except BaseException as error:  # whatever it is, it is the caller's
            future.set_exception(error)
        finally:
            self._places.release()
