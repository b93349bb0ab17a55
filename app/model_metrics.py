"""What the rewriters in use are doing, for Prometheus: read at the moment of a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from app.models import Models
from app.shadow import ShadowFigures


class ModelMetrics(Collector):
    """The version that answers, its cache and its breaker, and the candidate in the shadow.

    Counters begin anew with each version.
    """

    def __init__(self, models: Models, shadow: Callable[[], ShadowFigures | None]) -> None:
        self._models = models
        self._shadow = shadow

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        in_use = self._models.in_use
        rewriter, version = in_use.active.rewriter, in_use.state.active or ""
        answering = GaugeMetricFamily("untilclick_rewriter", "The version that answers.", labels=["version"])
        answering.add_metric([version], 1)
        yield answering
        yield GaugeMetricFamily(
            "untilclick_rewriter_resting", "1 while the breaker is open.", float(rewriter.resting)
        )
        lookups = CounterMetricFamily("untilclick_rewrite_cache", "Queries by what the cache had.", labels=["found"])
        lookups.add_metric(["hit"], rewriter.cache_hits)
        lookups.add_metric(["miss"], rewriter.cache_misses)
        yield lookups
        figures = self._shadow()
        if figures is not None:
            yield from _of_candidate(figures)


def _of_candidate(figures: ShadowFigures) -> Iterator[Metric]:
    values = (("queries", figures.queries), ("passed_over", figures.passed_over), ("faults", figures.faults))
    tried = CounterMetricFamily("untilclick_shadow", "Queries by what the candidate did.", labels=["version", "what"])
    for what, value in values:
        tried.add_metric([figures.version, what], value)
    yield tried
