"""Telling a running service what to do."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from untilclick.app.loop.renewal.service_client import ServiceCallError, activate, check_call


@pytest.fixture
def service():
    """A service that takes one key and refuses one version: (address, requested paths)."""
    paths = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            paths.append(self.path)
            authorized = self.headers["authorization"] == "Bearer let me in"
            kinds = {"broken": 409, "odd": 500, "away": 302}
            status = next((kind for name, kind in kinds.items() if name in self.path), 200) if authorized else 401
            bodies = {401: {"detail": "Send the admin key."}, 409: {"detail": "Version broken is refused."}}
            bodies[200] = {"active": "v0" if "late" in self.path else "v1"}
            self.send_response(status)
            if status == 302:
                self.send_header("location", "http://other.example/login")
            self.end_headers()
            self.wfile.write(
                json.dumps(bodies[status]).encode() if status in bodies and "page" not in self.path else b"<html>"
            )

        def log_message(self, *arguments):
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", paths
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_version_is_activated(service):
    address, paths = service
    activate(f"{address}/", "v1", "let me in")
    assert paths == ["/v1/models/v1/activate"]


@pytest.mark.parametrize(
    ("version", "key", "message"),
    [
        ("v1", "x", "Send the admin key."),
        ("broken", "let me in", "is refused"),
        ("odd", "let me in", "500"),
        ("away", "let me in", "redirects to http://other.example/login; give that address"),
        ("late", "let me in", "still answers with v0, not with late"),
        ("page", "let me in", "not an untilclick service"),
    ],
)
def test_a_refusal_is_told_in_the_words_of_the_service(service, version, key, message):
    with pytest.raises(ServiceCallError, match=message):
        activate(service[0], version, key)


def test_a_service_that_is_away_is_named():
    with pytest.raises(ServiceCallError, match="does not answer"):
        activate("http://127.0.0.1:9", "v1", "let me in")


@pytest.mark.parametrize("address", ["myservice", "http://", "ftp://host", "http://local host", "http://host:port"])
def test_an_address_that_is_none_is_refused_before_any_call(address):
    with pytest.raises(ServiceCallError, match="is not the address"):
        check_call(address, "key")


@pytest.mark.parametrize("key", ["top\nSECRET", "SECRET\u20ac"])
def test_a_key_that_cannot_be_sent_is_refused_and_not_told(key):
    """It stood in the traceback of a job that had trained for hours."""
    with pytest.raises(ServiceCallError) as refused:
        check_call("http://host:8000", key)
    assert "SECRET" not in str(refused.value)
