"""The smallest application with a small service: in process, and as a site for a browser."""

import shutil
import socket
import threading
import time

import pytest
import uvicorn
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings
from untilclick.search.corpora.load import corpus_of
from untilclick.search.engines import open_engine

from tests.app.page import Content
from tests.app.stand_ins import MeaningRewriter, TableRewriter, make_service

BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def rewriter():
    return TableRewriter()


@pytest.fixture
def service(tmp_path, rewriter):
    service = make_service(tmp_path, rewriter)
    yield service
    service.close()


@pytest.fixture
def client(service):
    with TestClient(create_app(Settings(), service), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def site(tmp_path, request):
    """A server on a free port: its address, and its service. The parameter is its Content."""
    content = getattr(request, "param", Content())
    engine = open_engine("rank-bm25", corpus_of("toy", content.documents))
    language = content.corpus_language
    if content.meaning:
        rewriter = MeaningRewriter(tmp_path / "vectors", content.table, content.documents)
    else:
        rewriter = TableRewriter(content.table)
    service = make_service(tmp_path, rewriter, engine=engine, corpus_language=language)
    settings = Settings.of(data="ten documents", examples=content.examples, title=content.title)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        app = create_app(settings, service)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", service
        server.should_exit = True
        thread.join(15)
    service.close()


@pytest.fixture
def open_page(browser, site):
    """Opens pages; an error in the browser's console fails the test."""
    complaints, contexts = [], []

    def open_(path="/", *, width=1280, height=860, scheme="light", locale="en-US"):
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, color_scheme=scheme, locale=locale)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(site[0] + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []
