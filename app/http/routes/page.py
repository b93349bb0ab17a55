"""The search page, the page of the programming interface, and their files. The service sends all of them itself."""

from __future__ import annotations

import os

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import HTMLResponse
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from untilclick.app.http.access import Access, ServiceAccess
from untilclick.app.http.page_language import page_language, preferred_languages
from untilclick.app.http.page_texts import PageContext, page_html, static_folder

router = APIRouter(include_in_schema=False)

SWAGGER_FILES = frozenset({"swagger-ui-bundle.js", "swagger-ui.css"})
"""The files of the package fastapi-swagger that the page of the programming interface loads."""

GZIP_LEVEL = 6
"""Compression of static files. Level 9, the default of the middleware, saves one byte in a hundred."""


@router.get("/")
async def page(request: Request, access: Access) -> HTMLResponse:
    """The search page."""
    return _page("index.html", request, access)


@router.get("/docs")
async def docs(request: Request, access: Access) -> HTMLResponse:
    """The page of the programming interface: Swagger UI with `/openapi.json`."""
    return _page("docs.html", request, access)


def mount_static(app: FastAPI) -> None:
    """Serve the files of both pages, compressed for browsers that accept it."""
    swagger = _SwaggerFiles(packages=[("fastapi_swagger", "resources")])
    app.mount("/static/swagger", GZipMiddleware(swagger, compresslevel=GZIP_LEVEL), name="swagger")
    page_files = StaticFiles(directory=static_folder())
    app.mount("/static", GZipMiddleware(page_files, compresslevel=GZIP_LEVEL), name="static")


def _page(file_name: str, request: Request, access: ServiceAccess) -> HTMLResponse:
    """A page in the language that the setting names, or else in one that suits the visitor."""
    settings, corpus_language = access.settings.page, access.service.corpus_language
    headers = {}
    language: str = settings.language
    if language == "auto":
        header = ",".join(request.headers.getlist("accept-language"))
        language = page_language(preferred_languages(header), corpus_language)
        headers["vary"] = "accept-language"
    html = page_html(file_name, PageContext(settings.title, language, corpus_language))
    return HTMLResponse(html, headers=headers | {"content-language": language})


class _SwaggerFiles(StaticFiles):
    """The files of Swagger UI without the other files of their package."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Find the file of a path; there is none unless the page needs it."""
        return super().lookup_path(path) if path in SWAGGER_FILES else ("", None)
