"""What is counted and timed, for Prometheus. Every service has a registry of its own: nothing is global.

What the metrics mean to an operator is in `docs/service.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from itertools import product
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from untilclick.app.observe.tracing import NoTracing, Tracing

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the latency buckets."""

FAILED_SEARCHES = tuple(product(("GET", "POST"), ("/v1/search",), ("500", "503")))
"""Method, route and status of requests that are counted from 0 on: `rate` sees no rise where a series begins with
its first requests."""


class Stage(StrEnum):
    """Parts of a request that are timed apart."""

    REWRITE = "rewrite"
    SEARCH = "search"
    LOG = "log"


class ClickOutcome(StrEnum):
    """What became of a click."""

    RECORDED = "recorded"
    REPEATED = "repeated"
    REFUSED = "refused"
    UNLOGGED = "unlogged"
    """The spool could not take it."""


class Metrics:
    """The metrics of one service."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        """`tracing` is told of stages and requests, too; by default nobody is."""
        self.tracing = tracing or NoTracing()
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "untilclick_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        for labels in FAILED_SEARCHES:
            self._requests.labels(*labels)
        self._request_seconds = Histogram(
            "untilclick_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "untilclick_stage_seconds",
            "Time of one part of a search.",
            ("stage",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._rewrites = Counter(
            "untilclick_rewrites",
            "Queries by why they were rewritten or kept.",
            ("reason",),
            registry=self.registry,
        )
        self._clicks = Counter(
            "untilclick_clicks", "Clicks by what became of them.", ("outcome",), registry=self.registry
        )
        self._log_failures = Counter(
            "untilclick_log_failures",
            "Reads and writes that the session log could not do.",
            ("operation",),
            registry=self.registry,
        )
        self._spool_delivered = Counter(
            "untilclick_spool_delivered", "Events that went from the spool into the log.", registry=self.registry
        )
        self._spool_refused = Counter(
            "untilclick_spool_refused", "Events that the spool could not take.", registry=self.registry
        )
        self._spool_set_aside = Counter(
            "untilclick_spool_set_aside", "Events that can never be in the log.", registry=self.registry
        )
        self._spool_waiting = Gauge(
            "untilclick_spool_waiting", "Events in the spool that are not in the log yet.", registry=self.registry
        )
        self._spool_oldest = Gauge(
            "untilclick_spool_oldest_seconds", "Age of the first event that waits.", registry=self.registry
        )
        self._spool_full_share = Gauge(
            "untilclick_spool_full_share", "Bytes that wait, of those that may, 0 to 1.", registry=self.registry
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[StageTimer]:
        """Time a stage; the timer holds the milliseconds afterwards, also where the stage fails."""
        timer = StageTimer()
        started = perf_counter()
        try:
            with self.tracing.stage(stage.value):
                yield timer
        finally:
            seconds = perf_counter() - started
            timer.ms = seconds * 1000
            self._stage_seconds.labels(stage.value).observe(seconds)

    def rewrite(self, reason: str) -> None:
        """Count one query by why it was rewritten or kept."""
        self._rewrites.labels(reason).inc()

    def click(self, outcome: ClickOutcome, n: int = 1) -> None:
        """Count clicks of one outcome."""
        if n:
            self._clicks.labels(outcome.value).inc(n)

    def log_failure(self, operation: str) -> None:
        """Count one failed read or write of the session log."""
        self._log_failures.labels(operation).inc()

    def delivered(self, n: int) -> None:
        """Count events that went from the spool into the log."""
        self._spool_delivered.inc(n)

    def refused(self) -> None:
        """Count one event that the spool could not take."""
        self._spool_refused.inc()

    def set_aside(self) -> None:
        """Count one event that can never be in the log."""
        self._spool_set_aside.inc()

    def watch_spool(
        self, waiting: Callable[[], float], oldest_age_s: Callable[[], float], full_share: Callable[[], float]
    ) -> None:
        """From now on, ask these for the number of waiting events, the age of the first, in seconds, and how full the
        spool is, 0 to 1."""
        self._spool_waiting.set_function(waiting)
        self._spool_oldest.set_function(oldest_age_s)
        self._spool_full_share.set_function(full_share)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class StageTimer:
    """Milliseconds of one stage."""

    ms = 0.0
