"""Access of the handlers to the service: in threads beside the event loop, a limited number at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Annotated, TypeVar

import anyio
from anyio import to_thread
from fastapi import Depends, Request

from untilclick.app.service.service import SearchService
from untilclick.app.settings.service import Settings

T = TypeVar("T")


@dataclass(frozen=True)
class ServiceAccess:
    """The service of an application, and the limits of its threads."""

    service: SearchService
    settings: Settings
    limiter: anyio.CapacityLimiter
    """For searches, clicks and everything else that is fast."""
    slow: anyio.CapacityLimiter
    """For calls that may take seconds, so that searches need not wait for them."""
    operators: anyio.CapacityLimiter
    """For calls of operators, so that they need not wait for figures."""
    leaving: Event
    """Set once the process has received SIGTERM."""

    async def run(self, act: Callable[[], T]) -> T:
        """Run a blocking function in a thread; waits until a thread is free."""
        return await to_thread.run_sync(act, limiter=self.limiter)

    async def run_slow(self, act: Callable[[], T]) -> T:
        """Run a function that may take seconds: figures, changes of documents."""
        return await to_thread.run_sync(act, limiter=self.slow)

    async def run_for_operators(self, act: Callable[[], T]) -> T:
        """Run a function that must not wait for the slow ones: changes of versions, metrics."""
        return await to_thread.run_sync(act, limiter=self.operators)


async def _access(request: Request) -> ServiceAccess:
    access: ServiceAccess = request.app.state.access
    return access


Access = Annotated[ServiceAccess, Depends(_access)]
"""The type of a handler's parameter that gives access to the service."""
