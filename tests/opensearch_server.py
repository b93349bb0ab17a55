"""Search servers of our own for the tests: small programs that speak the interface of OpenSearch or Elasticsearch.

`osmem-server` keeps everything in memory and starts in no time, but its scores are its own. `noida-db` scores as
Lucene does. Both come as packages; where one is missing, or does not run here, its tests are skipped.
"""

from __future__ import annotations

import importlib
import os
import socket
import stat
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import pytest

SECONDS_TO_START = 20.0


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def osmem(port: int | None = None) -> Iterator[str]:
    """An empty osmem-server; gives its address."""
    program = _program("osmem_server", "bin/osmem-server")
    port = port or free_port()
    words = ["-addr", f"127.0.0.1:{port}", "-no-ja", "-no-stdin-watch", "-parent-pid", str(os.getpid())]
    with _running([program, *words], port) as url:
        yield url


@contextmanager
def noida(folder: Path | None = None, port: int | None = None) -> Iterator[str]:
    """A noida-db with its Elasticsearch interface alone; gives its address. What it holds outlives it in `folder`."""
    program = _program("noida_db", "noida-db")
    port = port or free_port()
    with tempfile.TemporaryDirectory() as temporary:
        words = ["start", "--data-dir", str(folder or temporary), "--only", "elasticsearch"]
        with _running([program, *words, "--elasticsearch-port", str(port)], port) as url:
            yield url


def _program(package: str, place: str) -> str:
    """The program inside a package; skips without it."""
    try:
        found = files(importlib.import_module(package)).joinpath(place)
    except ModuleNotFoundError:
        pytest.skip(f"The package {package} is not installed: pip install 'untilclick[dev]'")
    path = Path(str(found))
    if not path.is_file():
        pytest.skip(f"The package {package} brings no program for this machine")
    if not os.access(path, os.X_OK):
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@contextmanager
def _running(command: Sequence[str], port: int) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(process, url, command[0])
        yield url
    finally:
        process.terminate()
        process.wait(SECONDS_TO_START)


def _wait(process: subprocess.Popen[bytes], url: str, program: str) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        if process.poll() is not None:
            pytest.skip(f"{program} does not run on this machine (status {process.returncode})")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.02)
    pytest.fail(f"{program} did not answer within {SECONDS_TO_START:g} s")
