"""The search page, the page of the programming interface, and their files. The service sends all of them itself."""

from __future__ import annotations

import os
from importlib.resources import as_file, files
from pathlib import Path

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

router = APIRouter(include_in_schema=False)

SWAGGER_FILES = frozenset({"swagger-ui-bundle.js", "swagger-ui.css"})
"""The files of the package fastapi-swagger that the page of the programming interface loads."""


def static_folder() -> Path:
    """The folder with HTML, scripts and style sheets."""
    with as_file(files("untilclick.app") / "static") as folder:
        return folder


@router.get("/")
async def page() -> FileResponse:
    """The search page."""
    return FileResponse(static_folder() / "index.html")


@router.get("/docs")
async def docs() -> FileResponse:
    """The page of the programming interface: Swagger UI with `/openapi.json`."""
    return FileResponse(static_folder() / "docs.html")


def mount_static(app: FastAPI) -> None:
    """Serve the files of both pages."""
    app.mount("/static/swagger", _SwaggerFiles(packages=[("fastapi_swagger", "resources")]), name="swagger")
    app.mount("/static", StaticFiles(directory=static_folder()), name="static")


class _SwaggerFiles(StaticFiles):
    """The files of Swagger UI without the other files of their package."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find the file of a path; there is none unless the page needs it."""
        return super().lookup_path(path) if path in SWAGGER_FILES else ("", None)
