"""Calls for operators: liveness, readiness and metrics."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST

from untilclick.app.http.access import Access
from untilclick.app.http.problems import Problem, problem_response, problem_responses, problem_type, request_id_of
from untilclick.app.http.schemas import LiveResponse, ReadyResponse

WITHOUT_ENCODER = (
    "The rewriter's sentence encoder cannot be used, so queries are searched as typed; the service's log says why."
)

router = APIRouter(tags=["operation"])


@router.get("/healthz", summary="Liveness", responses=problem_responses())
async def healthz() -> LiveResponse:
    """The process answers. No part of the service is checked."""
    return LiveResponse()


@router.get(
    "/readyz",
    summary="Readiness",
    response_model=ReadyResponse,
    response_model_exclude_none=True,
    responses=problem_responses(503),
)
async def readyz(access: Access, request: Request) -> ReadyResponse | JSONResponse:
    """Try the engine and the log, and look whether there is a rewriter and its sentence encoder works. Without its
    engine the service is not ready. Without its log or the encoder it is degraded: it still answers searches. After
    SIGTERM it is not ready, and still answers."""
    if access.leaving.is_set():
        return _unavailable("The service is about to end.", request)
    health = await access.run(access.service.health)
    if not health.engine:
        return _unavailable("The search engine does not answer.", request)
    model: Literal["ok", "failing", "absent"] = "absent"
    if health.model:
        model = "ok" if health.encoder else "failing"
    return ReadyResponse(
        status="ready" if health.log and health.encoder else "degraded",
        log="ok" if health.log else "failing",
        model=model,
        note=None if health.encoder else WITHOUT_ENCODER,
    )


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."},
        **problem_responses(),
    },
)
async def metrics(access: Access) -> Response:
    """Counters and histograms of this process."""
    text = await access.run_for_operators(access.service.metrics.text)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


def _unavailable(detail: str, request: Request) -> JSONResponse:
    problem = Problem(type=problem_type("unavailable"), title="Service Unavailable", status=503, detail=detail)
    return problem_response(problem, request_id_of(request))
