"""Metrics of the rewriters in use, for Prometheus. They are read when Prometheus scrapes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from untilclick.app.versions.in_use import Models
from untilclick.app.versions.shadow import ShadowFigures


class ModelMetrics(Collector):
    """Collects the versions in use, their caches and breakers, the documents that they wait for, and the figures of
    the candidate in the shadow."""

    def __init__(
        self, models: Models, shadow: Callable[[], ShadowFigures | None], to_encode: Callable[[], int] = lambda: 0
    ) -> None:
        """`to_encode` gives the number of documents that are still to be encoded."""
        self._models = models
        self._shadow = shadow
        self._to_encode = to_encode

    def collect(self) -> Iterator[Metric]:
        """Read all metrics."""
        in_use = self._models.in_use
        answering = GaugeMetricFamily(
            "untilclick_rewriter", "1 for the active version, 0 for others in use.", labels=["version"]
        )
        resting = GaugeMetricFamily(
            "untilclick_rewriter_resting", "1 while the rewriter pauses after failures.", labels=["version"]
        )
        without_encoder = GaugeMetricFamily(
            "untilclick_rewriter_without_encoder",
            "1 while the version's sentence encoder cannot be used.",
            labels=["version"],
        )
        lookups = CounterMetricFamily(
            "untilclick_rewrite_cache",
            "Lookups of rewrites in the cache, by hit and miss.",
            labels=["version", "found"],
        )
        for version, loaded in in_use.loaded.items():
            answering.add_metric([version], float(version == in_use.state.active))
            resting.add_metric([version], float(loaded.rewriter.resting))
            without_encoder.add_metric([version], float(loaded.rewriter.encoder_fault is not None))
            lookups.add_metric([version, "hit"], loaded.rewriter.cache_hits)
            lookups.add_metric([version, "miss"], loaded.rewriter.cache_misses)
        to_encode = GaugeMetricFamily(
            "untilclick_documents_to_encode", "Documents that sentence encoders have not read yet."
        )
        to_encode.add_metric([], self._to_encode())
        yield from (answering, resting, without_encoder, lookups, to_encode)
        figures = self._shadow()
        if figures is not None:
            yield from _of_candidate(figures)


def _of_candidate(figures: ShadowFigures) -> Iterator[Metric]:
    values = (("queries", figures.queries), ("passed_over", figures.passed_over), ("faults", figures.faults))
    family = CounterMetricFamily(
        "untilclick_shadow", "Queries of the candidate in the shadow.", labels=["version", "what"]
    )
    for outcome, value in values:
        family.add_metric([figures.version, outcome], value)
    yield family
