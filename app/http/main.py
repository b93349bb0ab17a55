"""The application: `create_app` builds it, `serve` runs it."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import uvicorn
from anyio import to_thread
from fastapi import FastAPI

from untilclick.app.http.access import ServiceAccess
from untilclick.app.http.middleware import RequestMiddleware
from untilclick.app.http.openapi_document import describe
from untilclick.app.http.problems import install_problem_handlers
from untilclick.app.http.routes import documents, health, models, page, reading, search
from untilclick.app.http.shutdown import leaving_late, left_at_sigterm
from untilclick.app.observe.metrics import Metrics
from untilclick.app.observe.request_logs import set_up_logs
from untilclick.app.observe.tracing import tracing_to
from untilclick.app.service.opening import open_service
from untilclick.app.service.service import SearchService
from untilclick.app.settings.service import Settings
from untilclick.search.version import program_version

DESCRIPTION = (
    "Search that rephrases what was typed into what was meant, and learns from every session until its click. "
    "Errors are problem documents (RFC 9457)."
)
SLOW_THREADS = 2
"""Requests for figures and changes of documents that are answered at the same time."""
OPERATOR_THREADS = 2
"""Changes of versions and requests for metrics that are answered at the same time, beside the slow ones."""
GRACE_SECONDS = 10
"""Seconds that a stopped service gives to the requests in progress."""


def create_app(settings: Settings, service: SearchService | None = None) -> FastAPI:
    """The application around a service. Without one, it opens the service at start-up and closes it at the end.

    The caller closes a service that it passes.
    """
    metrics = service.metrics if service is not None else Metrics(tracing_to(settings.observability.otlp_endpoint))

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        opened = service if service is not None else await to_thread.run_sync(_open, settings, metrics)
        searches, slow, operators = map(
            anyio.CapacityLimiter, (settings.search.threads, SLOW_THREADS, OPERATOR_THREADS)
        )
        try:
            with leaving_late(settings.http.stop_delay_s) as leaving:
                app.state.access = ServiceAccess(opened, settings, searches, slow, operators, leaving)
                yield
        finally:
            if service is None:
                opened.close()
                metrics.tracing.close()

    app = FastAPI(
        title=settings.page.title,
        version=program_version(),
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    if settings.limits.rate_limits:
        from untilclick.app.http.rate_limits import RateLimits  # noqa: PLC0415  its storages take .1 s to load

        app.add_middleware(RateLimits, limits=settings.limits.rate_limits)
    app.add_middleware(RequestMiddleware, metrics=metrics, max_body_bytes=settings.limits.max_body_bytes)
    install_problem_handlers(app)
    for routes in (search, documents, reading, models, health, page):
        app.include_router(routes.router)
    page.mount_static(app)
    describe(app, settings.limits)
    return app


def serve(settings: Settings, on_open: Callable[[SearchService], None] = lambda _: None) -> None:
    """Serve until a signal stops the process. Raises the UntilclickError of a part that cannot be opened.

    `on_open` is called with the opened service. With several workers, each process opens the service for itself, from
    the environment, and nothing is called.
    """
    options: dict[str, Any] = {  # Any: passed on to uvicorn
        "host": settings.http.host,
        "port": settings.http.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "proxy_headers": True,
        "forwarded_allow_ips": settings.http.trusted_proxies,
        "timeout_graceful_shutdown": GRACE_SECONDS,
    }
    with contextlib.suppress(KeyboardInterrupt):
        if settings.http.workers > 1:
            os.environ.update(settings.to_environment())
            factory = "untilclick.app.http.main:app_from_environment"
            uvicorn.run(factory, factory=True, workers=settings.http.workers, **options)
            return
        set_up_logs(settings.observability.log_format)
        metrics = Metrics(tracing_to(settings.observability.otlp_endpoint))
        with (
            left_at_sigterm(),
            contextlib.closing(metrics.tracing),
            contextlib.closing(_open(settings, metrics)) as service,
        ):
            on_open(service)
            uvicorn.run(create_app(settings, service), **options)


def _open(settings: Settings, metrics: Metrics) -> SearchService:
    """Open the service, and exempt its objects from garbage collection.

    They live as long as the process, and every full collection, which stops all requests, would visit them again.
    """
    service = open_service(settings, metrics)
    gc.collect()
    gc.freeze()
    return service


def app_from_environment() -> FastAPI:
    """The application that the environment describes: the factory for servers with several processes."""
    settings = Settings.from_environment(os.environ)
    set_up_logs(settings.observability.log_format)
    return create_app(settings)
