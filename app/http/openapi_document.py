"""The OpenAPI document: FastAPI's own plus the limits of this service and the form of its errors."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from untilclick.app.http.problems import use_problem_media_type
from untilclick.app.settings.groups import LimitSettings

Json = dict[str, Any]  # Any: a JSON document


def describe(app: FastAPI, limits: LimitSettings) -> None:
    """Make `/openapi.json` state the limits of this service, and that errors are problem documents."""

    def openapi() -> Json:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            app.openapi_schema = _with_limits(use_problem_media_type(document), limits)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _with_limits(document: Json, limits: LimitSettings) -> Json:
    schemas = document["components"]["schemas"]
    search, rewrite = (schemas[name]["properties"] for name in ("SearchRequest", "RewriteRequestBody"))
    parameters = {field["name"]: field["schema"] for field in document["paths"]["/v1/search"]["get"]["parameters"]}
    for text in (search["query"], rewrite["query"], rewrite["history"]["items"], parameters["q"]):
        text["maxLength"] = limits.max_query_characters
    for number in (search["k"], parameters["k"]):
        number["maximum"] = limits.max_k
    return document
