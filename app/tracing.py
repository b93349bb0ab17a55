"""OpenTelemetry traces: a span a request, one below it for each stage.

Without an address to send them to, nothing of it is imported; with one, the extra `otel` is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from search.errors import MissingDependencyError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

SERVICE = "untilclick"


class Tracing(Protocol):
    """What is told about the time that requests take."""

    def request(self, method: str, route: str, headers: Mapping[str, str], /) -> AbstractContextManager[None]:
        """Around a request; `headers` may continue the caller's trace."""

    def stage(self, name: str, /) -> AbstractContextManager[None]:
        """Around a part of the present request."""

    def close(self) -> None:
        """Send what is left."""


class NoTracing:
    """Tells nobody."""

    def request(self, *_: object) -> AbstractContextManager[None]:
        """See `Tracing`."""
        return nullcontext()

    def stage(self, *_: object) -> AbstractContextManager[None]:
        """See `Tracing`."""
        return nullcontext()

    def close(self) -> None:
        """See `Tracing`."""


class OtelTracing:
    """Spans by the OpenTelemetry SDK. W3C trace context is taken up from callers."""

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE)

    @contextmanager
    def request(self, method: str, route: str, headers: Mapping[str, str]) -> Iterator[None]:
        """See `Tracing`."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract(dict(headers))
        attributes = {"http.request.method": method, "http.route": route}
        with self._tracer.start_as_current_span(
            f"{method} {route}", context, kind=SpanKind.SERVER, attributes=attributes
        ):
            yield

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """See `Tracing`."""
        with self._tracer.start_as_current_span(f"{SERVICE}.{name}"):
            yield

    def close(self) -> None:
        """See `Tracing`."""
        self._provider.shutdown()


def tracing_to(endpoint: str) -> Tracing:
    """Traces sent to an OTLP/HTTP address (`http://collector:4318/v1/traces`); none for an empty one. Raises
    MissingDependencyError without the extra."""
    if not endpoint:
        return NoTracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise MissingDependencyError("Traces need OpenTelemetry: pip install 'untilclick[otel]'") from error
    return OtelTracing(OTLPSpanExporter(endpoint=endpoint))
