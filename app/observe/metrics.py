"""Counters and timers of the service, for Prometheus. Every service has its own registry; nothing is global.

`docs/service.md` explains each metric to operators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import product
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from untilclick.app.observe.tracing import Note, NoTracing, Tracing, ignore_note

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the latency buckets."""

FAILED_SEARCHES = tuple(product(("GET", "POST"), ("/v1/search",), ("500", "503")))
"""Method, route and status of the series that begin at 0: Prometheus' `rate` misses the rise of a series that begins
with its first request."""


class Stage(StrEnum):
    """The parts of a request that are timed separately."""

    REWRITE = "rewrite"
    SEARCH = "search"
    LOG = "log"


class ClickOutcome(StrEnum):
    """The outcome of a click."""

    RECORDED = "recorded"
    """It is in the log."""
    REPEATED = "repeated"
    """It was in the log before."""
    REFUSED = "refused"
    """Its token was forged, altered or expired."""
    UNLOGGED = "unlogged"
    """The spool had no room for it."""


class Metrics:
    """The metrics of one service."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        """`tracing` gets a span for every request and stage; by default there are no traces."""
        self.tracing = tracing or NoTracing()
        self.registry = CollectorRegistry()
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        seconds = partial(Histogram, buckets=SECONDS, registry=self.registry)
        self._requests = counter("untilclick_requests", "HTTP requests answered.", ("method", "route", "status"))
        for labels in FAILED_SEARCHES:
            self._requests.labels(*labels)
        self._request_seconds = seconds(
            "untilclick_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("route",),
        )
        self._stage_seconds = seconds("untilclick_stage_seconds", "Time of one part of a search.", ("stage",))
        self._rewrites = counter(
            "untilclick_rewrites", "Queries by the reason why they were rewritten or kept.", ("reason",)
        )
        self._readings = counter("untilclick_readings", "Searches by how their query was read.", ("used",))
        self._clicks = counter("untilclick_clicks", "Clicks by outcome.", ("outcome",))
        self._log_failures = counter(
            "untilclick_log_failures", "Reads and writes of the session log that failed.", ("operation",)
        )
        self._spool_delivered = counter("untilclick_spool_delivered", "Events delivered from the spool to the log.")
        self._spool_refused = counter("untilclick_spool_refused", "Events refused because the spool had no room.")
        self._spool_set_aside = counter(
            "untilclick_spool_set_aside", "Events set aside because the log can never hold them."
        )
        self._spool_waiting = gauge("untilclick_spool_waiting", "Events in the spool that are not in the log yet.")
        self._spool_oldest = gauge("untilclick_spool_oldest_seconds", "Age of the oldest event that waits.")
        self._spool_full_share = gauge(
            "untilclick_spool_full_share", "Bytes of events that wait, as a share of the limit, 0 to 1."
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    @contextmanager
    def timed(self, stage: Stage) -> Iterator[StageTimer]:
        """Time a stage. The timer has the milliseconds after the block, also if the block raises."""
        timer = StageTimer()
        started = perf_counter()
        try:
            with self.tracing.stage(stage.value) as timer.note:
                yield timer
        finally:
            seconds = perf_counter() - started
            timer.ms = seconds * 1000
            self._stage_seconds.labels(stage.value).observe(seconds)

    def rewrite(self, reason: str) -> None:
        """Count one query by the reason why it was rewritten or kept."""
        self._rewrites.labels(reason).inc()

    def readings(self, used: str) -> None:
        """Count one search by how its query was read."""
        self._readings.labels(used).inc()

    def click(self, outcome: ClickOutcome, n: int = 1) -> None:
        """Count `n` clicks with the same outcome."""
        if n:
            self._clicks.labels(outcome.value).inc(n)

    def log_failure(self, operation: str) -> None:
        """Count one failed read or write of the session log."""
        self._log_failures.labels(operation).inc()

    def delivered(self, n: int) -> None:
        """Count `n` events that were delivered from the spool to the log."""
        self._spool_delivered.inc(n)

    def refused(self) -> None:
        """Count one event for which the spool had no room."""
        self._spool_refused.inc()

    def set_aside(self) -> None:
        """Count one event that the log can never hold."""
        self._spool_set_aside.inc()

    def watch_spool(
        self, waiting: Callable[[], float], oldest_age_s: Callable[[], float], full_share: Callable[[], float]
    ) -> None:
        """Read the gauges of the spool from these functions at every scrape.

        They return the number of events that wait, the age of the oldest one in seconds, and the share of the spool's
        limit that is in use, 0..1.
        """
        self._spool_waiting.set_function(waiting)
        self._spool_oldest.set_function(oldest_age_s)
        self._spool_full_share.set_function(full_share)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format, UTF-8."""
        return generate_latest(self.registry)


@dataclass
class StageTimer:
    """The time of one stage."""

    ms: float = 0.0
    """Milliseconds; 0 until the stage has ended."""
    note: Note = ignore_note
    """Records a name and a value in the trace of the stage."""
