"""Tracing of requests: the interface, and the tracing that records nothing.

`otel_tracing.py`, which needs the extra `otel`, is imported only if there is an address for the traces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from untilclick.search.errors import MissingDependencyError

RecordAnswer = Callable[[str, int], None]
"""Records the route's template and the status of an answer."""

Note = Callable[[str, str], None]
"""Records a name and a value."""


class Tracing(Protocol):
    """Records the time that requests and their stages take."""

    def request(self, method: str, headers: Mapping[str, str], /) -> AbstractContextManager[RecordAnswer]:
        """A block for a request; `headers` may continue the caller's trace. The caller calls the yielded function
        once, with the route and the status of the answer."""

    def stage(self, name: str, /) -> AbstractContextManager[Note]:
        """A block for a stage of the current request. The yielded function notes what is to be known of it."""

    def close(self) -> None:
        """Send the spans that have not been sent yet."""


def _ignore_answer(_route: str, _status: int) -> None:
    pass


def ignore_note(_name: str, _value: str) -> None:
    """Records nothing."""


class NoTracing:
    """Records nothing."""

    def request(self, *_: object) -> AbstractContextManager[RecordAnswer]:
        """See `Tracing`."""
        return nullcontext(_ignore_answer)

    def stage(self, *_: object) -> AbstractContextManager[Note]:
        """See `Tracing`."""
        return nullcontext(ignore_note)

    def close(self) -> None:
        """See `Tracing`."""


def tracing_to(endpoint: str) -> Tracing:
    """Tracing that sends spans to an OTLP/HTTP address such as `http://collector:4318/v1/traces`.

    An empty address means no tracing. Raises MissingDependencyError without the extra `otel`.
    """
    if not endpoint:
        return NoTracing()
    try:
        from untilclick.app.observe.otel_tracing import otlp_tracing  # noqa: PLC0415  optional: the extra `otel`
    except ImportError as error:
        raise MissingDependencyError("Traces need OpenTelemetry: pip install 'untilclick[otel]'") from error
    return otlp_tracing(endpoint)
