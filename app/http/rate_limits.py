"""Rate limits per client, by the package limits (sliding window counter), in the memory of a process.

Workers and replicas count separately: a client that reaches N of them may make up to N times as many requests.

A client is an address as uvicorn reports it. Behind a proxy that is the visitor's address only if the proxy is
trusted (`UNTILCLICK_TRUSTED_PROXIES`).
"""

from __future__ import annotations

import ipaddress
import math
import time

from limits import RateLimitItem, parse_many
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from untilclick.app.http.problems import REQUEST_ID, Problem, problem_response, problem_type

LIMITED = "/v1/"
"""Prefix of the paths that are counted; the pages, their files, health and metrics are not."""


class RateLimits:
    """ASGI middleware that answers 429 to a client that has used up one of its limits."""

    def __init__(self, app: ASGIApp, limits: str) -> None:
        """`limits` is a text such as `10/second;300/minute`. Raises ValueError for any other text."""
        self._app = app
        self._limits = parse_many(limits)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith(LIMITED):
            client = client_of(scope)
            used_up = next((limit for limit in self._limits if not self._limiter.hit(limit, client)), None)
            if used_up is not None:
                await self._refusal(scope, receive, send, client, used_up)
                return
        await self._app(scope, receive, send)

    async def _refusal(self, scope: Scope, receive: Receive, send: Send, client: str, limit: RateLimitItem) -> None:
        reset = self._limiter.get_window_stats(limit, client).reset_time
        wait = max(1, math.ceil(reset - time.time()))
        problem = Problem(
            type=problem_type("too-many-requests"),
            title="Too Many Requests",
            status=429,
            detail=f"At most {limit}. Try again later.",
        )
        await problem_response(problem, scope.get(REQUEST_ID), {"Retry-After": str(wait)})(scope, receive, send)


def client_of(scope: Scope) -> str:
    """The address of a client; for IPv6 its /64 network, within which a client can choose any address.

    The zone of an IPv6 address (`%eth0`) is left out. A host that is not an address is returned unchanged.
    """
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6 and address.ipv4_mapped:  # an IPv4 address at a socket for both protocols
        address = address.ipv4_mapped
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((int(address), 64), strict=False))
