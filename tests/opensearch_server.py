"""Runs search servers for the tests: small programs with the HTTP interface of OpenSearch or Elasticsearch.

`osmem-server` keeps its index in memory and starts at once, but its scores differ from Lucene's. `noida-db` scores
like Lucene. Both are packages; tests that need a server are skipped if it is not installed or does not run on this
machine.
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
    """A TCP port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def osmem(port: int | None = None) -> Iterator[str]:
    """Run an empty osmem-server until the block ends, and yield its URL."""
    program = _program("osmem_server", "bin/osmem-server")
    port = port or free_port()
    words = ["-addr", f"127.0.0.1:{port}", "-no-ja", "-no-stdin-watch", "-parent-pid", str(os.getpid())]
    with _running([program, *words], port) as url:
        yield url


@contextmanager
def noida(folder: Path | None = None, port: int | None = None) -> Iterator[str]:
    """Run noida-db with its Elasticsearch interface until the block ends, and yield its URL.

    Its data stays in `folder`; without one it is deleted.
    """
    program = _program("noida_db", "noida-db")
    port = port or free_port()
    with tempfile.TemporaryDirectory() as temporary:
        words = ["start", "--data-dir", str(folder or temporary), "--only", "elasticsearch"]
        with _running([program, *words, "--elasticsearch-port", str(port)], port) as url:
            yield url


def _program(package: str, relative_path: str) -> str:
    """Path of a program inside a package; skips the test without it."""
    try:
        program = files(importlib.import_module(package)).joinpath(relative_path)
    except ModuleNotFoundError:
        pytest.skip(f"The package {package} is not installed: pip install 'untilclick[dev]'")
    path = Path(str(program))
    if not path.is_file():
        pytest.skip(f"The package {package} has no program for this machine")
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
            pytest.skip(f"{program} does not run on this machine (exit status {process.returncode})")
        try:
            with urllib.request.urlopen(url, timeout=1):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.02)
    pytest.fail(f"{program} did not answer within {SECONDS_TO_START:g} s")
