"""The middleware of every request: id, limit of the body, protective headers, metrics, and an answer to any error.

It is plain ASGI, since Starlette's base class for middleware copies bodies through queues.
"""

from __future__ import annotations

import logging
import re
import uuid
from time import perf_counter

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from untilclick.app.http.problems import REQUEST_ID, internal_problem, problem_response, too_large_problem
from untilclick.app.observe.metrics import Metrics
from untilclick.app.observe.request_logs import request_id

HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
"""Headers of every answer that does not set them itself."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""The methods that metrics name; all others are counted as `other`."""

CLIENT_GONE = 499
"""The status in the metrics of a request whose client left before its answer began."""

_ACCEPTED_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger("untilclick.requests")


class RequestMiddleware:
    """ASGI middleware around every request; the outermost one of the service."""

    def __init__(self, app: ASGIApp, metrics: Metrics, max_body_bytes: int) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes
        self._too_large = f"The request body is larger than {max_body_bytes} bytes."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        scope[REQUEST_ID] = _request_id(headers.get("x-request-id"))
        request_id.set(scope[REQUEST_ID])
        response = _Response(send, scope[REQUEST_ID])
        started = perf_counter()
        try:
            with self._metrics.tracing.request(_method(scope), headers) as record_answer:
                try:
                    await self._answer(scope, receive, response, headers)
                finally:
                    record_answer(_route(scope), response.status or CLIENT_GONE)
        finally:
            self._record(scope, response.status, perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, response: _Response, headers: Headers) -> None:
        length = headers.get("content-length", "0")
        if length.isdigit() and int(length) > self._max_body_bytes:
            refusal = problem_response(too_large_problem(self._too_large), scope[REQUEST_ID])
            await refusal(scope, receive, response.send)
            return
        try:
            await self._app(scope, self._counted(receive), response.send)
        except Exception:  # the last resort: whatever failed, the client gets a problem document
            _log.exception("Request %s failed", scope[REQUEST_ID])
            if response.status is not None:
                raise
            await problem_response(internal_problem(), scope[REQUEST_ID])(scope, receive, response.send)

    def _counted(self, receive: Receive) -> Receive:
        """A `receive` that refuses a body of unannounced length as soon as it exceeds the limit."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_body_bytes:
                raise HTTPException(413, self._too_large)
            return message

        return counted

    def _record(self, scope: Scope, status: int | None, seconds: float) -> None:
        route = _route(scope)
        self._metrics.request(_method(scope), route, status or CLIENT_GONE, seconds)
        _log.info(
            "%s %s %s %.1f ms",
            scope["method"],
            route,
            status,
            seconds * 1000,
        )


class _Response:
    """Wraps the `send` of a request: remembers the status and adds headers."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self._request_id
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _request_id(client_id: str | None) -> str:
    """The client's own id if it is short and harmless, otherwise a new one."""
    return client_id if client_id is not None and _ACCEPTED_ID.fullmatch(client_id) else str(uuid.uuid4())


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in METHODS else "other"


def _route(scope: Scope) -> str:
    """The route's template, so that clients cannot make new series of metrics by new paths."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    return "/static" if scope["path"].startswith("/static/") else "unmatched"
