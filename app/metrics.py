"""What is counted and timed, for Prometheus. Every service has a registry of its own: nothing is global.

What the metrics mean to an operator is in `docs/service.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from app.tracing import NoTracing, Tracing

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the latency buckets."""


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
    """The log could not take it."""


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

    def click(self, outcome: ClickOutcome) -> None:
        """Count one click."""
        self._clicks.labels(outcome.value).inc()

    def log_failure(self, operation: str) -> None:
        """Count one failed read or write of the session log."""
        self._log_failures.labels(operation).inc()

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class StageTimer:
    """Milliseconds of one stage."""

    ms = 0.0
