"""Calls that read figures of the sessions, and a description of this service."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from untilclick.app.http.access import Access
from untilclick.app.http.problems import problem_responses
from untilclick.app.http.schemas import InfoResponse, StatsResponse
from untilclick.app.service.ranking import Mode
from untilclick.rewriter.readings import Readings
from untilclick.search.version import program_version

router = APIRouter(prefix="/v1")


@router.get(
    "/sessions/stats", tags=["sessions"], summary="Figures of the sessions", responses=problem_responses(422, 503)
)
async def get_stats(
    access: Access,
    source: Annotated[
        Literal["live", "simulated"] | None, Query(description="Only sessions of this source; by default all.")
    ] = None,
) -> StatsResponse:
    """Numbers of sessions and clicks, and how soon visitors click, in total and by rewriter version."""
    return StatsResponse.of(await access.run_slow(lambda: access.service.stats(source)))


@router.get("/info", tags=["service"], summary="Describe this service", responses=problem_responses())
async def get_info(access: Access) -> InfoResponse:
    """Documents, engine, limits, and queries to try."""
    settings = access.settings
    return InfoResponse(
        title=settings.page.title,
        version=program_version(),
        data=settings.search.data,
        engine=access.service.engine_name,
        rewriter_version=access.service.rewriter_version,
        modes=list(Mode),
        readings=list(Readings),
        examples=list(settings.example_queries),
        max_k=settings.limits.max_k,
        max_query_characters=settings.limits.max_query_characters,
    )
