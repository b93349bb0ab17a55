"""The commands one by one, from simulated sessions to a search with the exported rewriter, at toy size."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app

from tests.app.small_corpus import write_corpus
from tests.app.toy_settings import TOY


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with documents and a settings file."""
    folder = tmp_path_factory.mktemp("by-hand")
    write_corpus(folder / "documents.jsonl")
    (folder / "toy.toml").write_text(TOY, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(workspace):
    """Calls a command in the workspace; returns the JSON object of its answer."""

    def call(*arguments):
        environment = {
            "UNTILCLICK_CONFIG": str(workspace / "toy.toml"),
            "UNTILCLICK_DATA": str(workspace / "documents.jsonl"),
        }
        result = CliRunner(env=environment).invoke(app, [*(str(argument) for argument in arguments), "--json"])
        assert result.exit_code == 0, result.stderr
        assert result.stdout.count("\n") == 1
        return json.loads(result.stdout)

    return call


@pytest.fixture(scope="module")
def trained(workspace, run):
    """A run folder with all stages, trained command by command; the answers of the commands."""
    pytest.importorskip("torch")
    log, out = workspace / "log.db", workspace / "run"
    return {
        "simulate": run("simulate", "--log", log),
        "base": run("train", "base", "--out", out, "--seed", 3),
        "warm_start": run("train", "warm-start", "--log", log, "--out", out),
        "ppo": run("train", "ppo", "--log", log, "--out", out, "--set", "ppo.iterations=2"),
    }


@pytest.mark.slow
def test_every_stage_answers_with_its_folder_settings_and_figures(workspace, trained):
    assert trained["simulate"]["sessions"] == 60
    for stage in ("base", "warm_start", "ppo"):
        assert trained[stage]["folder"] == str(workspace / "run" / stage)
        assert trained[stage]["stage"] == stage
    assert trained["base"]["config"]["seed"] == 3
    assert trained["base"]["config"]["steps"] == 4
    assert trained["ppo"]["config"]["iterations"] == 2
    assert trained["ppo"]["figures"]["rollouts"] == 2 * 8 * 4


@pytest.mark.slow
def test_evaluate_writes_results_report_and_settings(workspace, run, trained):
    answer = run("evaluate", "--split", "dev", "--model", workspace / "run", "--out", workspace / "dev")
    assert answer["systems"].keys() == {
        "bm25", "rm3", "spelling", "rocchio", "association", "bm25_tuned", "oracle", "warm_start", "ppo",
    }  # fmt: skip
    assert answer["split"] == "dev"
    assert (workspace / "dev" / "report.html").is_file()
    assert (workspace / "dev" / "runs" / "ppo.txt").is_file()
    assert json.loads((workspace / "dev" / "settings.json").read_text())["model"] == str(workspace / "run")
    alone = run(
        "evaluate", "--model", workspace / "run" / "warm_start", "--out", workspace / "one", "--engine", "rank-bm25"
    )
    assert "warm_start" in alone["systems"]
    assert "ppo" not in alone["systems"]


@pytest.mark.slow
def test_evaluate_compares_with_what_a_log_says_where_one_is_named(workspace, run, trained):
    options = ("--model", workspace / "run" / "warm_start", "--set", "evaluate.sessions=5")
    answer = run("evaluate", *options, "--out", workspace / "logged", "--log", workspace / "log.db")
    assert "successor" in answer["systems"]
    assert answer["settings"]["successor"].startswith("SuccessorSettings(mode=")
    assert json.loads((workspace / "logged" / "settings.json").read_text())["log"].endswith("log.db")
    few = run("evaluate", *options, "--out", workspace / "few", "--set", "evaluate.more_baselines=false")
    assert few["systems"].keys() == {"bm25", "rm3", "spelling", "oracle", "warm_start"}


@pytest.mark.slow
def test_evaluate_refuses_a_log_that_does_not_exist(workspace, trained):
    arguments = [
        "evaluate",
        "--model",
        workspace / "run",
        "--data",
        workspace / "documents.jsonl",
        "--out",
        workspace / "z",
    ]
    failed = CliRunner().invoke(
        app, [*(str(argument) for argument in arguments), "--log", str(workspace / "nowhere.db")]
    )
    assert failed.exit_code == 2
    assert "nowhere.db" in failed.stderr
    assert not (workspace / "nowhere.db").exists()


@pytest.mark.slow
def test_an_exported_bundle_rewrites_in_the_terminal(workspace, run, trained):
    bundle = workspace / "bundle"
    exported = run("export", "--model", workspace / "run", "--out", bundle, "--quantization", "float32", "--anyway")
    assert (exported["stage"], exported["quantization"]) == ("ppo", "float32")
    answer = run("search", "violin conzert", "--bundle", bundle)
    assert answer["rewrite"]["applied"]
    corrects = json.loads((bundle / "bundle.json").read_text())["blend"]["corrections"]  # chosen on validation
    assert answer["rewrite"]["correction"] == ("violin concert" if corrects else None)
    assert answer["rewritten"]


@pytest.mark.slow
def test_two_stages_answer_as_one(workspace, run, trained):
    """Those of one run here; seeds would differ otherwise."""
    stages = ("--of", workspace / "run" / "warm_start", "--of", workspace / "run" / "ppo")
    answer = run("train", "mean", *stages, "--log", workspace / "log.db", "--out", workspace / "both")
    assert (answer["stage"], answer["figures"]["members"]) == ("mean", 2)
    assert (
        run("export", "--model", workspace / "both", "--out", workspace / "mean-bundle", "--anyway")["kind"] == "mean"
    )
    assert run("search", "violin concert", "--bundle", workspace / "mean-bundle")["rewrite"]["applied"]


@pytest.mark.slow
def test_a_model_of_other_documents_is_refused(workspace, trained):
    other = write_corpus(workspace / "other.jsonl", seed=1)
    for command in (["evaluate", "--out", workspace / "x"], ["export", "--out", workspace / "y", "--anyway"]):
        arguments = [*command, "--model", workspace / "run", "--data", other]
        failed = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert failed.exit_code == 2
        assert "other documents" in failed.stderr
