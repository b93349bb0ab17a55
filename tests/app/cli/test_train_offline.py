"""`untilclick train offline`: from a log that no simulator made, at toy size."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.search.log.session_log import SessionLog

from tests.rewriter.toy_learning import toy_documents, toy_sessions, toy_topics

SETTINGS = """
[policy]
d_model = 32
d_ff = 32
[base]
steps = 4
[offline]
epochs = 2
patience = 5
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with documents, settings and a log of sessions that name no topic."""
    folder = tmp_path_factory.mktemp("offline")
    lines = [json.dumps({"_id": d.doc_id, "title": d.title, "text": d.text}) for d in toy_documents()]
    (folder / "documents.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "toy.toml").write_text(SETTINGS, encoding="utf-8")
    with SessionLog.open(str(folder / "log.db")) as log:
        log.append(toy_sessions(toy_topics(), name_topics=False))
    return folder


def call(workspace, *arguments):
    environment = {
        "UNTILCLICK_CONFIG": str(workspace / "toy.toml"),
        "UNTILCLICK_DATA": str(workspace / "documents.jsonl"),
    }
    return CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def trained(workspace):
    """The answers of `train base` and `train offline` with a run folder in between."""
    pytest.importorskip("torch")
    answers = []
    for arguments in (("base",), ("offline", "--log", workspace / "log.db", "--set", "offline.discount=0.5")):
        result = call(workspace, "train", *arguments, "--out", workspace / "run", "--json")
        assert result.exit_code == 0, result.stderr
        answers.append(json.loads(result.stdout.splitlines()[-1]))  # DeepSpeed, where it is, prints at its import
    return answers


def test_it_goes_on_from_the_base_with_its_settings(workspace, trained):
    answer = trained[1]
    assert (answer["stage"], answer["folder"]) == ("offline", str(workspace / "run" / "offline"))
    assert (answer["config"]["method"], answer["config"]["discount"], answer["config"]["epochs"]) == ("rwft", 0.5, 2)
    assert answer["figures"]["actions"] > 10


def test_what_it_trained_is_exported_and_searches(workspace, trained):
    refused = call(workspace, "export", "--model", workspace / "run", "--out", workspace / "bundle")
    assert (refused.exit_code, "train final" in refused.stderr) == (2, True)
    to_bundle = ("--out", workspace / "bundle", "--anyway", "--json")
    exported = call(workspace, "export", "--model", workspace / "run", *to_bundle)
    assert json.loads(exported.stdout)["stage"] == "offline"
    assert json.loads(exported.stdout)["asked"] is True
    completed = call(workspace, "search", "oven dough", "--bundle", workspace / "bundle", "--json")
    assert completed.exit_code == 0, completed.stderr
    assert json.loads(completed.stdout)["rewrite"]["applied"]
    to_models = ("--models", workspace / "models", "--anyway", "--json")
    added = call(workspace, "export", "--model", workspace / "run", *to_models)
    version = json.loads(added.stdout)["version"]
    assert json.loads(added.stdout)["bundle"] == str(workspace / "models" / version)
    assert version == json.loads(exported.stdout)["version"]
    nowhere = call(workspace, "export", "--model", workspace / "run")
    assert (nowhere.exit_code, "Name where to write" in nowhere.stderr) == (2, True)


def test_a_run_without_a_model_is_one_sentence(workspace, tmp_path):
    pytest.importorskip("torch")
    failed = call(workspace, "train", "offline", "--log", workspace / "log.db", "--out", tmp_path / "run")
    assert failed.exit_code == 2
    assert "train it first" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_the_method_is_an_option_and_no_setting(workspace, tmp_path):
    arguments = ("train", "offline", "--log", workspace / "log.db", "--out", tmp_path, "--set", "offline.method=ilql")
    failed = call(workspace, *arguments)
    assert failed.exit_code == 2
    assert "offline has no such setting" in failed.stderr


@pytest.mark.trlx
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(find_spec("trlx") is None, reason="trlX is not installed; it comes from its repository")
def test_ilql_leaves_stdout_to_the_answer(workspace, trained):
    result = call(
        workspace,
        "train",
        "offline",
        "--log",
        workspace / "log.db",
        "--out",
        workspace / "run",
        "--method",
        "ilql",
        "--json",
    )
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["config"]["method"] == "ilql"


@pytest.mark.skipif(find_spec("trlx") is not None, reason="trlX is installed")
def test_ilql_without_trlx_says_how_to_get_it_and_what_does_without(workspace, tmp_path):
    failed = call(workspace, "train", "offline", "--log", workspace / "log.db", "--out", tmp_path, "--method", "ilql")
    assert failed.exit_code == 2
    assert "--method rwft" in failed.stderr
