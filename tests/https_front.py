"""What stands before a cluster in earnest: TLS with a certificate of its own authority, and a password."""

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
from typing import ClassVar

import pytest
import urllib3

USER, PASSWORD = "reader", "Grüße"


class _Front(BaseHTTPRequestHandler):
    """Hands requests that bring the password on."""

    protocol_version = "HTTP/1.1"
    behind: ClassVar[str] = ""
    pool: ClassVar[urllib3.PoolManager]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        wanted = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("authorization") != f"Basic {wanted}":
            self._send(401, b"{}")
            return
        headers = {"content-type": self.headers.get("content-type", "application/json")}
        found = self.pool.request(self.command, self.behind + self.path, body=body, headers=headers)
        self._send(found.status, found.data)

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
def https_front(url: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Address and CA file of a front before the server at `url`; skips without openssl."""
    certificate, key = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with urllib3.PoolManager() as pool:
        handler = type("Front", (_Front,), {"behind": url, "pool": pool})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            server.daemon_threads = True
            server.handle_error = lambda request, address: None  # a client that does not trust us hangs up
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield f"https://localhost:{server.server_address[1]}", certificate
            finally:
                server.shutdown()
                thread.join()


def _certificate(folder: Path) -> tuple[Path, Path]:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not on the path: no certificate can be made")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    usage = ["-addext", "keyUsage=critical,digitalSignature,keyCertSign"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(
        [program, *words, *names, *usage, *files], check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    return certificate, key
