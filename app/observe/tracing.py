"""OpenTelemetry traces: a span a request, one below it for each stage.

Without an address to send them to, nothing of it is imported; with one, the extra `otel` is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from untilclick.search.errors import MissingDependencyError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

SERVICE = "untilclick"

Answered = Callable[[str, int], None]
"""Told the route's template and the status of an answer."""


class Tracing(Protocol):
    """What is told about the time that requests take."""

    def request(self, method: str, headers: Mapping[str, str], /) -> AbstractContextManager[Answered]:
        """Around a request; `headers` may continue the caller's trace. What it gives is told route and status."""

    def stage(self, name: str, /) -> AbstractContextManager[None]:
        """Around a part of the present request."""

    def close(self) -> None:
        """Send what is left."""


def _unheard(_route: str, _status: int) -> None:
    pass


class NoTracing:
    """Tells nobody."""

    def request(self, *_: object) -> AbstractContextManager[Answered]:
        """See `Tracing`."""
        return nullcontext(_unheard)

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
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Answered]:
        """See `Tracing`."""
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        context = TraceContextTextMapPropagator().extract(dict(headers))
        attributes = {"http.request.method": method}
        with self._tracer.start_as_current_span(method, context, kind=SpanKind.SERVER, attributes=attributes) as span:

            def answered(route: str, status: int) -> None:
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})
                if status >= 500:
                    span.set_status(StatusCode.ERROR)

            yield answered

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
