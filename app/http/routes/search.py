"""Calls that search, report clicks and rewrite."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.exceptions import RequestValidationError

from untilclick.app.http.access import Access, ServiceAccess
from untilclick.app.http.problems import problem_responses
from untilclick.app.http.schemas import (
    ClickRequest,
    RewriteRequestBody,
    RewriteResponse,
    SearchParameters,
    SearchRequest,
    SearchResponse,
)
from untilclick.app.service.answers import SearchCommand

router = APIRouter(prefix="/v1", tags=["search"])


@router.post("/search", summary="Search", responses=problem_responses(413, 422, 503))
async def post_search(body: SearchRequest, access: Access) -> SearchResponse:
    """Rewrite the query, search, and log the results shown.

    If the rewrite is over its time limit or fails, or the query is empty or too long, the query is searched as typed,
    and `rewrite.reason` gives the reason.
    """
    return await _search(body.command(), access, ("body", "query"))


@router.get("/search", summary="Search by a link", responses=problem_responses(422, 503))
async def get_search(parameters: Annotated[SearchParameters, Query()], access: Access) -> SearchResponse:
    """The same as `POST /v1/search`, for links and the command line; the search is logged, too."""
    return await _search(parameters.command(), access, ("query", "q"))


@router.post(
    "/click",
    summary="Report a click",
    status_code=204,
    response_class=Response,
    responses={204: {"description": "The click has been taken, now or before."}, **problem_responses(403, 413, 422)},
)
async def post_click(body: ClickRequest, access: Access) -> Response:
    """Take a click on a result for the log. The same token a second time changes nothing; a forged, altered or
    expired token is refused."""
    await access.run(lambda: access.service.click(body.click_token))
    return Response(status_code=204)


@router.post("/rewrite", summary="Rewrite without searching", responses=problem_responses(413, 422))
async def post_rewrite(body: RewriteRequestBody, access: Access) -> RewriteResponse:
    """Wordings for a query with scores, the decision to keep or rewrite it, and the reason. Nothing is logged."""
    _check_length(body.query, access, ("body", "query"))
    for i, earlier in enumerate(body.history):
        _check_length(earlier, access, ("body", "history", str(i)))
    return RewriteResponse.of(await access.run(lambda: access.service.rewrite(body.query, body.history, body.n)))


async def _search(command: SearchCommand, access: ServiceAccess, query_location: tuple[str, str]) -> SearchResponse:
    _check_length(command.query, access, query_location)
    max_k = access.settings.limits.max_k
    if command.k > max_k:
        message = f"Input should be less than or equal to {max_k}"
        raise _invalid((query_location[0], "k"), message)
    return SearchResponse.of(await access.run(lambda: access.service.search(command)))


def _check_length(text: str, access: ServiceAccess, location: tuple[str, ...]) -> None:
    limit = access.settings.limits.max_query_characters
    if len(text) > limit:
        raise _invalid(location, f"String should have at most {limit} characters")


def _invalid(location: tuple[str, ...], message: str) -> RequestValidationError:
    return RequestValidationError([{"loc": location, "msg": message, "type": "value_error"}])
