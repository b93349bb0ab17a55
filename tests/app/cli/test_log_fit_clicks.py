"""`untilclick log fit-clicks` on logs of known click models."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.log.session_log import SessionLog

from tests.search.clicked_sessions import N_PAIRS, clicked_sessions

EXAMINATION = (1.0, 0.7, 0.5, 0.2)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "log.db"
    with SessionLog.open(str(path)) as log:
        log.append(clicked_sessions(PositionBasedModel((0.4,) * N_PAIRS, EXAMINATION), 4000))
    return path


def call(*arguments):
    return CliRunner(env={"COLUMNS": "100", "NO_COLOR": "1"}).invoke(app, ["log", "fit-clicks", *map(str, arguments)])


def test_all_models_are_fitted_and_compared(log):
    answer = json.loads(call("--log", log, "--json").stdout)
    assert list(answer["models"]) == ["pbm", "cm", "dcm", "dbn", "sdbn", "ubm"]
    assert answer["lists"] + answer["held_out_lists"] == 4000
    assert answer["pairs"] == N_PAIRS
    assert answer["click_rates"] == pytest.approx([0.4 * share for share in EXAMINATION], abs=0.03)
    pbm, cm = answer["models"]["pbm"], answer["models"]["cm"]
    assert pbm["parameters"]["examination"] == pytest.approx(EXAMINATION, abs=0.07)
    assert pbm["log_likelihood"] > cm["log_likelihood"]


def test_the_tables_name_models_and_ranks(log):
    shown = call("--log", log)
    assert shown.exit_code == 0
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert [line[0] for line in lines if line[0].isupper()] == ["PBM", "CM", "DCM", "DBN", "SDBN", "UBM"]
    assert [line[0] for line in lines if line[0].isdigit()] == ["1", "2", "3", "4"]
    assert f"with {N_PAIRS} pairs of query and document" in shown.stdout


def test_one_model_alone_may_be_named_in_any_case(log):
    answer = json.loads(call("--log", log, "--click-model", "DBN", "--json").stdout)
    assert list(answer["models"]) == ["dbn"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--click-model", "xyz"), "Unknown click model 'xyz'. Choose one of: pbm, cm, dcm, dbn, sdbn, ubm"),
        (("--source", "simulated"), "No result list to fit click models to."),
    ],
)
def test_mistakes_are_named(log, arguments, message):
    failed = call("--log", log, *arguments)
    assert failed.exit_code == 2
    assert message in " ".join(failed.stderr.split())
