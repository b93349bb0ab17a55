"""The commands one by one, from simulated sessions to a search with the exported rewriter, at toy size."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app

from tests.app.small_corpus import write_corpus
from tests.app.toy_settings import TOY


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with documents and a settings file."""
    folder = tmp_path_factory.mktemp("by-hand")
    write_corpus(folder / "documents.jsonl")
    (folder / "toy.toml").write_text(TOY, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run(place):
    """Call a command on the place; the one JSON object of its answer."""

    def call(*arguments):
        environment = {
            "UNTILCLICK_CONFIG": str(place / "toy.toml"),
            "UNTILCLICK_DATA": str(place / "documents.jsonl"),
        }
        done = CliRunner(env=environment).invoke(app, [*(str(argument) for argument in arguments), "--json"])
        assert done.exit_code == 0, done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="module")
def trained(place, run):
    """A run folder with all stages, trained command by command; the answers of the commands."""
    pytest.importorskip("torch")
    log, out = place / "log.db", place / "run"
    return {
        "simulate": run("simulate", "--log", log),
        "base": run("train", "base", "--out", out, "--seed", 3),
        "warm_start": run("train", "warm-start", "--log", log, "--out", out),
        "ppo": run("train", "ppo", "--log", log, "--out", out, "--set", "ppo.iterations=2"),
    }


@pytest.mark.slow
def test_every_stage_answers_with_its_folder_settings_and_figures(place, trained):
    assert trained["simulate"]["sessions"] == 60
    for stage in ("base", "warm_start", "ppo"):
        assert trained[stage]["folder"] == str(place / "run" / stage)
        assert trained[stage]["stage"] == stage
    assert trained["base"]["config"]["seed"] == 3
    assert trained["base"]["config"]["steps"] == 4
    assert trained["ppo"]["config"]["iterations"] == 2
    assert trained["ppo"]["figures"]["rollouts"] == 2 * 8 * 4


@pytest.mark.slow
def test_evaluate_writes_results_report_and_settings(place, run, trained):
    answer = run("evaluate", "--split", "dev", "--model", place / "run", "--out", place / "dev")
    assert answer["systems"].keys() == {
        "bm25", "rm3", "spelling", "rocchio", "association", "bm25_tuned", "oracle", "warm_start", "ppo",
    }  # fmt: skip
    assert answer["split"] == "dev"
    assert (place / "dev" / "report.html").is_file()
    assert (place / "dev" / "runs" / "ppo.txt").is_file()
    assert json.loads((place / "dev" / "settings.json").read_text())["model"] == str(place / "run")
    alone = run("evaluate", "--model", place / "run" / "warm_start", "--out", place / "one", "--engine", "rank-bm25")
    assert "warm_start" in alone["systems"]
    assert "ppo" not in alone["systems"]


@pytest.mark.slow
def test_evaluate_compares_with_what_a_log_says_where_one_is_named(place, run, trained):
    options = ("--model", place / "run" / "warm_start", "--set", "evaluate.sessions=5")
    answer = run("evaluate", *options, "--out", place / "logged", "--log", place / "log.db")
    assert "successor" in answer["systems"]
    assert answer["settings"]["successor"].startswith("SuccessorSettings(mode=")
    assert json.loads((place / "logged" / "settings.json").read_text())["log"].endswith("log.db")
    few = run("evaluate", *options, "--out", place / "few", "--set", "evaluate.more_baselines=false")
    assert few["systems"].keys() == {"bm25", "rm3", "spelling", "oracle", "warm_start"}


@pytest.mark.slow
def test_evaluate_refuses_a_log_that_does_not_exist(place, trained):
    arguments = ["evaluate", "--model", place / "run", "--data", place / "documents.jsonl", "--out", place / "z"]
    failed = CliRunner().invoke(app, [*(str(argument) for argument in arguments), "--log", str(place / "nowhere.db")])
    assert failed.exit_code == 2
    assert "nowhere.db" in failed.stderr
    assert not (place / "nowhere.db").exists()


@pytest.mark.slow
def test_an_exported_bundle_rewrites_in_the_terminal(place, run, trained):
    bundle = place / "bundle"
    exported = run("export", "--model", place / "run", "--out", bundle, "--quantization", "float32")
    assert (exported["stage"], exported["quantization"]) == ("ppo", "float32")
    answer = run("search", "violin conzert", "--bundle", bundle)
    assert answer["rewrite"]["applied"]
    corrects = json.loads((bundle / "bundle.json").read_text())["blend"]["corrections"]  # chosen on validation
    assert answer["rewrite"]["correction"] == ("violin concert" if corrects else None)
    assert answer["rewritten"]


@pytest.mark.slow
def test_two_stages_answer_as_one(place, run, trained):
    """Those of one run here; seeds would differ otherwise."""
    stages = ("--of", place / "run" / "warm_start", "--of", place / "run" / "ppo")
    answer = run("train", "mean", *stages, "--log", place / "log.db", "--out", place / "both")
    assert (answer["stage"], answer["figures"]["members"]) == ("mean", 2)
    assert run("export", "--model", place / "both", "--out", place / "mean-bundle")["kind"] == "mean"
    assert run("search", "violin concert", "--bundle", place / "mean-bundle")["rewrite"]["applied"]


@pytest.mark.slow
def test_a_model_of_other_documents_is_refused(place, trained):
    other = write_corpus(place / "other.jsonl", seed=1)
    for command in (["evaluate", "--out", place / "x"], ["export", "--out", place / "y"]):
        arguments = [*command, "--model", place / "run", "--data", other]
        failed = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert failed.exit_code == 2
        assert "other documents" in failed.stderr
