"""Every exception that the service raises on purpose has its problem document."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from untilclick.app.http.problems import install_problem_handlers
from untilclick.app.service.click_tokens import ClickTokenError
from untilclick.app.service.live_documents import FixedDocumentsError
from untilclick.app.versions.models import NoModelFolderError, RefusedVersionError
from untilclick.app.versions.store import BrokenStateError, UnknownVersionError
from untilclick.search.errors import EngineError, LogAwayError, LogError, ModelError, UnknownDocumentError

SECRET = "at /srv/{place} on 10.0.0.1"
"""The text of an exception; its braces are not placeholders."""
FOLDER = "The folder of versions cannot be used; the service's log says why."
LOG = "The session log does not answer at the moment. Try again later."
ENGINE = "The search engine does not answer at the moment. Try again later."


@pytest.mark.parametrize(
    ("kind", "status", "name", "title", "detail"),
    [
        (ClickTokenError, 403, "click-token", "Click token refused", SECRET),
        (UnknownVersionError, 404, "no-such-version", "No such version", SECRET),
        (RefusedVersionError, 409, "version-refused", "Not done", SECRET),
        (NoModelFolderError, 409, "version-refused", "Not done", SECRET),
        (FixedDocumentsError, 409, "documents-fixed", "Not done", SECRET),
        (UnknownDocumentError, 404, "no-such-document", "No such document", None),
        (ModelError, 409, "version-refused", "Not done", FOLDER),
        (BrokenStateError, 409, "version-refused", "Not done", FOLDER),
        (LogError, 503, "unavailable", "Service Unavailable", LOG),
        (LogAwayError, 503, "unavailable", "Service Unavailable", LOG),
        (EngineError, 503, "unavailable", "Service Unavailable", ENGINE),
    ],
)
def test_an_exception_is_answered_with_its_problem(caplog, kind, status, name, title, detail):
    """The log has the text of the exception if the client does not get it."""
    app = FastAPI()
    install_problem_handlers(app)

    @app.get("/")
    async def fail():
        raise kind(SECRET)

    response = TestClient(app).get("/")
    expected = {"type": f"urn:untilclick:problem:{name}", "title": title, "status": status, "detail": detail}
    assert response.status_code == status
    assert response.json() == {key: value for key, value in expected.items() if value is not None}
    assert (SECRET in caplog.text) == (detail in (FOLDER, LOG, ENGINE))
