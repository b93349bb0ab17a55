"""OpenTelemetry traces: one span per request, with one span below it for each stage. Needs the extra `otel`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

SERVICE = "untilclick"
"""The name of the service in traces."""


class OtelTracing:
    """Records spans with the OpenTelemetry SDK. A W3C trace context in the headers is continued."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE)

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[Callable[[str, int], None]]:
        """See `tracing.Tracing`."""
        context = TraceContextTextMapPropagator().extract(dict(headers))
        attributes = {"http.request.method": method}
        with self._tracer.start_as_current_span(method, context, kind=SpanKind.SERVER, attributes=attributes) as span:

            def record_answer(route: str, status: int) -> None:
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})
                if status >= 500:
                    span.set_status(StatusCode.ERROR)

            yield record_answer

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[str, str], None]]:
        """See `tracing.Tracing`."""
        with self._tracer.start_as_current_span(f"{SERVICE}.{name}") as span:
            yield lambda attribute, value: span.set_attribute(f"{SERVICE}.{attribute}", value)

    def close(self) -> None:
        """See `tracing.Tracing`."""
        self._provider.shutdown()


def otlp_tracing(endpoint: str) -> OtelTracing:
    """Tracing that sends spans to an OTLP/HTTP address."""
    return OtelTracing(OTLPSpanExporter(endpoint=endpoint))
