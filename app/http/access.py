"""How handlers reach the service: out of the event loop, a bounded number at a time."""

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
    """The service of one application."""

    service: SearchService
    settings: Settings
    limiter: anyio.CapacityLimiter
    slow: anyio.CapacityLimiter
    """For what may take seconds, so that it takes no place from searches."""
    operators: anyio.CapacityLimiter
    """For what operators ask, so that it waits for nobody's figures."""
    leaving: Event
    """Set when the process has been told to end."""

    async def run(self, act: Callable[[], T]) -> T:
        """Run something that blocks in a thread; waits while as many as allowed are running."""
        return await to_thread.run_sync(act, limiter=self.limiter)

    async def run_slow(self, act: Callable[[], T]) -> T:
        """The same for what may take seconds: figures, changes of documents."""
        return await to_thread.run_sync(act, limiter=self.slow)

    async def run_for_operators(self, act: Callable[[], T]) -> T:
        """The same for versions and metrics: roll-back must not wait."""
        return await to_thread.run_sync(act, limiter=self.operators)


async def _access(request: Request) -> ServiceAccess:
    access: ServiceAccess = request.app.state.access
    return access


Access = Annotated[ServiceAccess, Depends(_access)]
