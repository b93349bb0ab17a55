"""Problem documents (RFC 9457, `application/problem+json`), the answer to every error.

The cause of an internal error is logged under the request's id. The client gets no stack trace, no value that it sent
and no path of a file.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from untilclick.app.service.click_tokens import ClickTokenError
from untilclick.app.service.live_documents import FixedDocumentsError
from untilclick.app.versions.models import NoModelFolderError, RefusedVersionError
from untilclick.app.versions.store import UnknownVersionError
from untilclick.search.errors import EngineError, LogError, ModelError, UnknownDocumentError, UntilclickError

PROBLEM_JSON = "application/problem+json"
REQUEST_ID = "untilclick.request_id"
"""The key of the request's id in the ASGI scope."""

_log = logging.getLogger(__name__)


class FieldProblem(BaseModel):
    """A problem with one part of a request."""

    place: str = Field(description="`body`, `query` or `path`.")
    field: str = Field(description="Dotted name; empty for the whole body.")
    detail: str


class Problem(BaseModel):
    """A problem document."""

    type: str = Field(description="`about:blank`, or the kind of the problem, a name that programs can rely on.")
    title: str
    status: int
    detail: str | None = None
    instance: str | None = Field(
        default=None,
        description="`urn:untilclick:request:` and the id of the request, under which the service logged it.",
    )
    errors: list[FieldProblem] | None = Field(default=None, description="The problem of each field, for status 422.")


def problem_type(name: str) -> str:
    """The type of a kind of problem that this service defines."""
    return f"urn:untilclick:problem:{name}"


class ProblemKind(NamedTuple):
    """How one of our own exceptions is answered."""

    type: str
    title: str
    status: int
    detail: str | None = "{error}"
    """What the client is told, by default the exception's own sentence; None: nothing but the title."""
    logged: str = ""
    """What the log says before the exception's sentence; nothing is logged if this is empty."""


PROBLEMS: Mapping[type[UntilclickError], ProblemKind] = {
    ClickTokenError: ProblemKind(problem_type("click-token"), "Click token refused", 403),
    UnknownVersionError: ProblemKind(problem_type("no-such-version"), "No such version", 404),
    RefusedVersionError: ProblemKind(problem_type("version-refused"), "Not done", 409),
    NoModelFolderError: ProblemKind(problem_type("version-refused"), "Not done", 409),
    ModelError: ProblemKind(
        problem_type("version-refused"),
        "Not done",
        409,
        "The folder of versions cannot be used; the service's log says why.",
        "A change of models failed",
    ),
    FixedDocumentsError: ProblemKind(problem_type("documents-fixed"), "Not done", 409),
    UnknownDocumentError: ProblemKind(problem_type("no-such-document"), "No such document", 404, None),
    LogError: ProblemKind(
        problem_type("unavailable"),
        "Service Unavailable",
        503,
        "The session log does not answer at the moment. Try again later.",
        "The session log failed",
    ),
    EngineError: ProblemKind(
        problem_type("unavailable"),
        "Service Unavailable",
        503,
        "The search engine does not answer at the moment. Try again later.",
        "The search engine failed",
    ),
}
"""The problem document of each exception; an exception that is not listed is answered as its base class is."""


def problem_response(problem: Problem, request_id: str | None, headers: dict[str, str] | None = None) -> JSONResponse:
    """The response with a problem document; its instance names the request."""
    document = problem.model_copy(update={"instance": f"urn:untilclick:request:{request_id}" if request_id else None})
    content = document.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, headers, media_type=PROBLEM_JSON)


def internal_problem() -> Problem:
    """The problem document for an internal error."""
    detail = "The service failed; it has logged the error under the id of this request."
    return Problem(type="about:blank", title="Internal Server Error", status=500, detail=detail)


def too_large_problem(detail: str) -> Problem:
    """The problem document for a body that is too large."""
    return Problem(type=problem_type("body-too-large"), title="Content Too Large", status=413, detail=detail)


def install_problem_handlers(app: FastAPI) -> None:
    """Make an application answer every exception with a problem document."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    for error, kind in PROBLEMS.items():
        app.add_exception_handler(error, partial(_own_error, kind))


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:  # Any: FastAPI's own type
    """The `responses` argument of a route that may answer with problems of these statuses, and with 500."""
    return {status: {"model": Problem, "description": HTTPStatus(status).phrase} for status in (*statuses, 500)}


def use_problem_media_type(openapi: dict[str, Any]) -> dict[str, Any]:  # Any: a JSON document
    """Give the errors in an OpenAPI document the media type `application/problem+json`. Changes the document."""
    for path in openapi["paths"].values():
        for operation in path.values():
            for status, response in operation.get("responses", {}).items():
                content = response.get("content", {})
                if status[0] in "45" and "application/json" in content:
                    content[PROBLEM_JSON] = content.pop("application/json")
    return openapi


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    fields = [_field_problem(tuple(problem["loc"]), str(problem["msg"])) for problem in problems]
    detail = "; ".join(f"{field.field or field.place}: {field.detail}" for field in fields[:3])
    problem = Problem(type=problem_type("invalid-request"), title="Invalid request", status=422, detail=detail)
    return problem_response(problem.model_copy(update={"errors": fields}), request_id_of(request))


def _field_problem(location: tuple[str | int, ...], message: str) -> FieldProblem:
    place, *path = location or ("body",)
    if path and isinstance(path[0], int) and len(path) == 1:
        path = []  # the position at which the JSON is broken
    return FieldProblem(
        place=str(place), field=".".join(map(str, path)), detail=message.removeprefix("Value error, ")
    )


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    if error.status_code == 413:
        return problem_response(too_large_problem(str(error.detail)), request_id_of(request))
    if error.status_code == 400:  # FastAPI's answer to a body that is not text
        return await _invalid(request, RequestValidationError([{"loc": ("body",), "msg": "must be JSON in UTF-8"}]))
    title = HTTPStatus(error.status_code).phrase
    detail = None if error.detail == title else str(error.detail)
    problem = Problem(type="about:blank", title=title, status=error.status_code, detail=detail)
    return problem_response(problem, request_id_of(request), dict(error.headers or {}))


async def _own_error(kind: ProblemKind, request: Request, error: Exception) -> JSONResponse:
    if kind.logged:
        _log.error("%s: %s", kind.logged, error)
    detail = kind.detail.format(error=error) if kind.detail else None
    problem = Problem(type=kind.type, title=kind.title, status=kind.status, detail=detail)
    return problem_response(problem, request_id_of(request))


def request_id_of(request: Request) -> str | None:
    """The id under which a request is logged; None without the service's middleware."""
    request_id = request.scope.get(REQUEST_ID)
    return request_id if isinstance(request_id, str) else None
