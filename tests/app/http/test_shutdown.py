"""The end of a service by the signals that operators use."""

import os
import signal
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from benchmarks.fault_rig import free_port
from tests.app.small_corpus import write_corpus
from tests.app.stand_ins import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM is of POSIX")


@pytest.fixture
def start(tmp_path):
    """Starts a service with settings; returns its process and address."""
    begun = []

    def started(**settings):
        port = free_port()
        environment = {
            **os.environ,
            "UNTILCLICK_DATA": str(write_corpus(tmp_path / "documents.jsonl")),
            "UNTILCLICK_LOG": f"sqlite:///{tmp_path / 'log.db'}",
            "UNTILCLICK_SPOOL": str(tmp_path / "spool"),
            "UNTILCLICK_PORT": str(port),
            **settings,
        }
        command = [sys.executable, "-c", "from untilclick.app.cli.main import main; main()", "serve"]
        begun.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE))
        _answered(f"http://127.0.0.1:{port}/readyz", begun[-1])
        return begun[-1], f"http://127.0.0.1:{port}"

    yield started
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_service_that_is_told_to_end_closes_what_it_opened(start, tmp_path, workers):
    """uvicorn raises SIGTERM again at its end; once that ended a process before its log was closed."""
    process, _ = start(UNTILCLICK_WORKERS=workers)
    assert list((tmp_path / "spool").glob("*.db"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert not list((tmp_path / "spool").glob("*.db")), "an empty spool is removed when it is closed"


def test_a_proxy_is_told_before_the_socket_is_closed(start):
    process, address = start(UNTILCLICK_STOP_DELAY_S="30")
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: _status(f"{address}/readyz") == 503)
    with urlopen(f"{address}/v1/search?q=garden", timeout=10) as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGTERM)  # again: at once
    assert process.wait(20) == 0


def test_the_language_of_the_documents_is_said(start):
    process, _ = start(UNTILCLICK_LANGUAGE="de", UNTILCLICK_LOG_FORMAT="text")
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    assert b"Documents in German" in process.stdout.read()
    assert b"Documents in German, searched by tantivy" in process.stderr.read()


def _status(url):
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status
    except HTTPError as error:
        return error.code


def _answered(url, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=10):
                return
        except OSError:
            time.sleep(0.05)
    process.kill()
    pytest.fail(f"the service does not answer: {process.stderr.read().decode()[-2000:]}")
