"""A circuit breaker: what fails again and again is left alone for a while.

Nygard, "Release It!", 2nd edition, 2018, chapter 5. Of the packages for it, pybreaker holds a lock while the guarded
call runs, which would answer one visitor at a time, and none counts what is given up on after a time limit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from threading import Lock


class CircuitBreaker:
    """Closed: all may try. After so many failures in a row open: nobody may. After a pause half open: one may try,
    and its outcome closes or opens again. May be shared between threads."""

    def __init__(self, failures: int, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`failures` in a row open it for `pause_s` seconds."""
        self._limit = failures
        self._pause_s = pause_s
        self._clock = clock
        self._lock = Lock()
        self._failures = 0
        self._opened_at = 0.0
        self._counted_at = -math.inf

    @property
    def open(self) -> bool:
        """Whether failures have opened it and nothing has succeeded since."""
        return self._failures >= self._limit

    def admits(self) -> bool:
        """Whether the caller may try; it must then tell how that went."""
        if not self.open:
            return True
        with self._lock:
            if self.open and self._clock() < self._opened_at + self._pause_s:
                return False
            self._opened_at = self._clock()  # the one that tries; others wait out another pause
            return True

    def succeeded(self) -> None:
        """A try succeeded."""
        with self._lock:
            self._failures = 0

    def failed(self, apart_s: float = 0.0) -> None:
        """A try failed. Less than `apart_s` after the last one that counted it has the same cause, and does not."""
        with self._lock:
            if self._clock() < self._counted_at + apart_s:
                return
            self._counted_at = self._clock()
            self._failures += 1
            if self._failures >= self._limit:
                self._opened_at = self._clock()
