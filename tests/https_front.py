"""Runs an HTTPS proxy like those in front of real clusters: its own certificate authority, and a password."""

from __future__ import annotations

import base64
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar, NamedTuple

import pytest
import urllib3

USER, PASSWORD = "reader", "Grüße"


class HttpsFront(NamedTuple):
    """A running proxy."""

    url: str
    ca_file: Path


class _Front(BaseHTTPRequestHandler):
    """Forwards requests that have the password; answers others with 401."""

    protocol_version = "HTTP/1.1"
    behind: ClassVar[str] = ""
    pool: ClassVar[urllib3.PoolManager]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        credentials = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("authorization") != f"Basic {credentials}":
            self._send(401, b"{}")
            return
        headers = {"content-type": self.headers.get("content-type", "application/json")}
        response = self.pool.request(self.command, self.behind + self.path, body=body, headers=headers)
        self._send(response.status, response.data)

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _answer  # noqa: N815  (names of the standard library)


@contextmanager
def https_front(url: str, folder: Path) -> Iterator[HttpsFront]:
    """Run a proxy in front of the server at `url` until the block ends; skips the test without openssl."""
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with urllib3.PoolManager() as pool:
        handler = type("Front", (_Front,), {"behind": url, "pool": pool})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            server.daemon_threads = True
            server.handle_error = lambda request, address: None  # a client without the CA file disconnects
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield HttpsFront(f"https://localhost:{server.server_address[1]}", certificate)
            finally:
                server.shutdown()
                thread.join()


def _certificate(folder: Path) -> tuple[Path, Path]:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed: no certificate can be made")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    usage = ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [program, *words, *names, *usage, *files], check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    return certificate, key
