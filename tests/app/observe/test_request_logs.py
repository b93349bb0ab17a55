"""The log of the process."""

import json
import logging

import pytest
from starlette.testclient import TestClient

from untilclick.app.http.main import create_app
from untilclick.app.observe.request_logs import request_id, set_up_logs
from untilclick.app.settings.service import Settings

from tests.app.stand_ins import BrokenRewriter, make_service


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def searched(tmp_path, headers):
    service = make_service(tmp_path, BrokenRewriter())
    with TestClient(create_app(Settings(), service)) as client:
        client.post("/v1/search", json={"query": "delete folder"}, headers=headers)
    service.close()


def test_every_line_of_a_request_carries_its_id(tmp_path, capsys):
    set_up_logs("text")
    searched(tmp_path, {"x-request-id": "abc-1"})
    lines = [line for line in capsys.readouterr().err.splitlines() if "[abc-1]" in line]
    assert any("A rewrite failed" in line for line in lines)
    assert any("POST /v1/search 200" in line for line in lines)


def test_json_lines_are_objects(tmp_path, capsys):
    set_up_logs("json")
    searched(tmp_path, {"x-request-id": "abc-2"})
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (request,) = [line for line in lines if line["message"].startswith("POST")]
    assert (request["request_id"], request["level"], request["logger"]) == ("abc-2", "INFO", "untilclick.requests")
    (fault,) = [line for line in lines if line["message"] == "A rewrite failed"]
    assert (fault["request_id"], fault["level"]) == ("abc-2", "ERROR")
    assert "weights are missing" in fault["exc_info"]


def test_quiet_is_warnings_alone(tmp_path, capsys):
    set_up_logs("quiet")
    searched(tmp_path, {})
    output = capsys.readouterr().err
    assert "A rewrite failed" in output
    assert "POST" not in output


def test_outside_a_request_there_is_no_id(capsys):
    set_up_logs("text")
    logging.getLogger("x").info("started")
    assert "[-] started" in capsys.readouterr().err
    assert request_id.get() == "-"
