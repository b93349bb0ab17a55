"""A circuit breaker: a component that fails again and again is not called for a while.

Source: Nygard, "Release It!", 2nd edition, 2018, chapter 5. The packages for it do not serve: pybreaker holds a lock
while the guarded call runs, so that only one visitor is answered at a time, and none counts a call that the caller
gave up on after a time limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock


class CircuitBreaker:
    """Decides whether a component may be called. May be shared between threads.

    Closed: every call is admitted. Open, after a number of failures in a row: no call is admitted. Half open, after a
    pause: one call is admitted, and its outcome closes the breaker or opens it for another pause.
    """

    def __init__(self, failures: int, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`failures` in a row open the breaker for `pause_s` seconds."""
        self._limit = failures
        self._pause_s = pause_s
        self._clock = clock
        self._lock = Lock()
        self._failures = 0
        self._opened_at = 0.0
        self._counted_at = -math.inf

    @property
    def open(self) -> bool:
        """Whether failures have opened the breaker and no call has succeeded since."""
        return self._failures >= self._limit

    def admits(self) -> bool:
        """Whether the caller may make a call; it must then report success or failure."""
        if not self.open:
            return True
        with self._lock:
            if self.open and self._clock() < self._opened_at + self._pause_s:
                return False
            self._opened_at = self._clock()  # this caller tries; all others wait for another pause
            return True

    def succeeded(self) -> None:
        """Report that a call succeeded."""
        with self._lock:
            self._failures = 0

    def failed(self, apart_s: float = 0.0) -> None:
        """Report that a call failed.

        A failure less than `apart_s` seconds after the last one that counted has the same cause and does not count.
        """
        with self._lock:
            if self._clock() < self._counted_at + apart_s:
                return
            self._counted_at = self._clock()
            self._failures += 1
            if self._failures >= self._limit:
                self._opened_at = self._clock()
