"""OpenTelemetry traces: one span per request, with one span below it for each stage.

OpenTelemetry is imported only if there is an address for the traces; then the extra `otel` is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from untilclick.search.errors import MissingDependencyError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

SERVICE = "untilclick"

RecordAnswer = Callable[[str, int], None]
"""Records the route's template and the status of an answer."""


class Tracing(Protocol):
    """Records the time that requests and their stages take."""

    def request(self, method: str, headers: Mapping[str, str], /) -> AbstractContextManager[RecordAnswer]:
        """A block for a request; `headers` may continue the caller's trace. The block calls what it gets once, with
        the route and the status of the answer."""

    def stage(self, name: str, /) -> AbstractContextManager[None]:
        """A block for a stage of the current request."""

    def close(self) -> None:
        """Send the spans that have not been sent yet."""


def _ignore_answer(_route: str, _status: int) -> None:
    pass


class NoTracing:
    """Records nothing."""

    def request(self, *_: object) -> AbstractContextManager[RecordAnswer]:
        """See `Tracing`."""
        return nullcontext(_ignore_answer)

    def stage(self, *_: object) -> AbstractContextManager[None]:
        """See `Tracing`."""
        return nullcontext()

    def close(self) -> None:
        """See `Tracing`."""


class OtelTracing:
    """Records spans with the OpenTelemetry SDK. A W3C trace context in the headers is continued."""

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(SERVICE)

    @contextmanager
    def request(self, method: str, headers: Mapping[str, str]) -> Iterator[RecordAnswer]:
        """See `Tracing`."""
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

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
    def stage(self, name: str) -> Iterator[None]:
        """See `Tracing`."""
        with self._tracer.start_as_current_span(f"{SERVICE}.{name}"):
            yield

    def close(self) -> None:
        """See `Tracing`."""
        self._provider.shutdown()


def tracing_to(endpoint: str) -> Tracing:
    """Tracing that sends spans to an OTLP/HTTP address such as `http://collector:4318/v1/traces`.

    An empty address means no tracing. Raises MissingDependencyError without the extra `otel`.
    """
    if not endpoint:
        return NoTracing()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise MissingDependencyError("Traces need OpenTelemetry: pip install 'untilclick[otel]'") from error
    return OtelTracing(OTLPSpanExporter(endpoint=endpoint))
