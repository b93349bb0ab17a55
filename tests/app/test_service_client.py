"""Telling a running service what to do."""

import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from app.service_client import ServiceCallError, activate


@pytest.fixture
def service():
    """A service that takes one key and refuses one version: (address, paths that were asked for)."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(self.path)
            known = self.headers["authorization"] == "Bearer let me in"
            status = 401 if not known else 409 if "broken" in self.path else 500 if "odd" in self.path else 200
            detail = {401: "Send the admin key.", 409: "Version broken is refused."}.get(status)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps({"detail": detail}).encode() if detail else b"<html>")

        def log_message(self, *given):
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_version_is_activated(service):
    address, asked = service
    activate(f"{address}/", "v1", "let me in")
    assert asked == ["/v1/models/v1/activate"]


@pytest.mark.parametrize(
    ("version", "key", "said"),
    [("v1", "x", "Send the admin key."), ("broken", "let me in", "is refused"), ("odd", "let me in", "500")],
)
def test_a_refusal_is_told_in_the_words_of_the_service(service, version, key, said):
    with pytest.raises(ServiceCallError, match=said):
        activate(service[0], version, key)


def test_a_service_that_is_away_is_named():
    with pytest.raises(ServiceCallError, match="does not answer"):
        activate("http://127.0.0.1:9", "v1", "let me in")
