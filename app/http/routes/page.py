"""The page, its files, and the description of the interface for people. All of it is served from here."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import FileResponse, HTMLResponse
from starlette.staticfiles import StaticFiles

from untilclick.app.http.interface_page import interface_page

router = APIRouter(include_in_schema=False)


def static_folder() -> Path:
    """Where HTML, script and style sheet lie."""
    with as_file(files("untilclick.app") / "static") as folder:
        return folder


@router.get("/")
async def page() -> FileResponse:
    """The search page."""
    return FileResponse(static_folder() / "index.html")


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """The interface, described."""
    return HTMLResponse(interface_page(request.app.openapi()))


def mount_static(app: FastAPI) -> None:
    """Serve the page's files."""
    app.mount("/static", StaticFiles(directory=static_folder()), name="static")
