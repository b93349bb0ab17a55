"""Run folders, bundles, folders of versions and session logs that version 0.1.0 wrote."""

from __future__ import annotations

import hashlib
import json
import shutil

import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.service.click_tokens import ClickTokens
from untilclick.rewriter.flat_settings import present

ADMIN = {"authorization": "Bearer let me in"}


INT8 = {"rel": 1 / 127, "abs": 1e-4}
"""Rounding of weights of terms: some processors compute with the int8 numbers of a bundle, others in float32."""
DIGITS = {"rel": 1e-3, "abs": 1e-6}
"""Another processor may round the last digits otherwise."""


def same(actual, expected, rounding=DIGITS):
    """Equal, numbers nearly so."""
    if isinstance(expected, dict):
        assert actual.keys() == expected.keys()
        for name, value in expected.items():
            same(actual[name], value, rounding)
    elif isinstance(expected, list):
        assert len(actual) == len(expected)
        for actual_item, expected_item in zip(actual, expected, strict=True):
            same(actual_item, expected_item, rounding)
    elif isinstance(expected, float):
        assert actual == pytest.approx(expected, **rounding)
    else:
        assert actual == expected


def rewrites(call, bundle, queries):
    """What `search` answers to the queries; the order of terms that weigh the same is left open."""
    answers = {}
    for query in queries:
        answer = call("search", query, "--bundle", bundle, "--k", 5)
        rewrite = answer["rewrite"] | {"terms": dict(answer["rewrite"]["terms"])}
        answers[query] = {"rewrite": rewrite, "rewritten": [hit["doc_id"] for hit in answer["rewritten"]]}
    return answers


def test_a_bundle_rewrites_queries_to_the_same_terms(call, expected):
    reference = expected("artefacts")["bundle"]
    same(rewrites(call, "bundle", reference), reference, INT8)


def test_a_run_is_exported_to_a_bundle_that_rewrites_to_the_same_terms(call, expected):
    exported = call("export", "--model", "run", "--out", "exported")
    assert (exported["stage"], exported["kind"], exported["format"]) == ("ppo", "terms", 2)
    reference = expected("artefacts")["bundle"]
    same(rewrites(call, "exported", reference), reference, INT8)


def test_a_run_is_evaluated_to_the_same_figures(call, examples, expected):
    """That version evaluated with users of the default habits, whatever the table `user` said. They had no lay words
    and did not describe what they want."""
    defaults = {"misspell_share": 0.35, "real_misspell_share": 0.7, "drop_share": 0.1, "results_examined": 10}
    habits = defaults | {"synonym_share": 0.0, "describe_share": 0.0, "subject_share": 0.0}
    settings = [text for name, value in habits.items() for text in ("--set", f"user.{name}={value}")]
    options = ("--model", "run", "--split", "train", "--log", "sessions.db", "--out", "evaluation")
    answer = call("evaluate", *options, *settings)
    same(answer["systems"], expected("artefacts")["evaluation"])
    assert (examples / "evaluation" / "report.html").is_file()


def test_an_interrupted_training_goes_on_where_it_was(call, examples):
    """It was killed after 4 of 12 rounds; the second was the best, as in the run that was not stopped."""
    for stage in ("base", "warm_start"):
        shutil.copytree(f"run/{stage}", f"interrupted/{stage}")
    metrics = examples / "interrupted" / "ppo.log" / "metrics.jsonl"
    before = metrics.read_text(encoding="utf-8").splitlines()
    assert len(before) == 4
    answer = call("train", "ppo", "--log", "sessions.db", "--out", "interrupted", "--seed", 3)
    whole = json.loads((examples / "run" / "ppo" / "stage.json").read_text(encoding="utf-8"))
    assert answer["config"] == present(whole["config"]) | {"learn_from": "judgments"}
    same(answer["figures"], whole["figures"])
    after = metrics.read_text(encoding="utf-8").splitlines()
    assert after[:4] == before, "the rounds before, with the seconds that they took"
    assert [json.loads(line)["step"] for line in after] == list(range(1, 13))
    assert not (examples / "interrupted" / "ppo.checkpoint").exists()
    weights, reference = (load_file(f"{run}/ppo/model.safetensors") for run in ("interrupted", "run"))
    assert weights.keys() == reference.keys()
    for name, array in reference.items():
        assert weights[name] == pytest.approx(array, abs=1e-4), name


def test_an_interrupted_training_is_not_continued_with_other_settings(examples):
    for stage in ("base", "warm_start"):
        shutil.copytree(f"run/{stage}", f"interrupted/{stage}")
    arguments = ["train", "ppo", "--log", "sessions.db", "--out", "interrupted", "--seed", "3"]
    environment = {"UNTILCLICK_CONFIG": "settings.toml"}
    failed = CliRunner(env=environment).invoke(app, [*arguments, "--set", "ppo.patience=11"])
    assert failed.exit_code == 2
    assert "belongs to a run with other settings" in failed.stderr


@pytest.mark.parametrize("log", ["sessions.db", "served.db"])
def test_a_session_log_is_read_whole(call, examples, expected, log):
    reference = expected("artefacts")["logs"][log]
    same(call("log", "stats", "--log", log), reference["stats"])
    call("log", "export", "--log", log, "--out", "sessions.jsonl", "--format", "jsonl")
    content = (examples / "sessions.jsonl").read_bytes()
    assert hashlib.sha256(content).hexdigest() == reference["sha256_of_jsonl"]


def test_a_session_log_is_written_on(serving, call, expected):
    before = expected("artefacts")["logs"]["served.db"]["stats"]["total"]
    with serving(log="served.db") as client:
        shown = client.post("/v1/search", json={"query": "violin"}).json()
        assert client.post("/v1/click", json={"click_token": shown["results"][0]["click_token"]}).status_code == 204
    after = call("log", "stats", "--log", "served.db")["total"]
    assert {name: after[name] - before[name] for name in ("sessions", "turns", "clicks")} == {
        "sessions": 1,
        "turns": 1,
        "clicks": 1,
    }


def test_a_folder_of_versions_answers_with_the_version_that_was_chosen(serving, expected):
    reference = expected("artefacts")["models"]
    with serving(models="models", admin_key="let me in", log="served.db") as client:
        versions = client.get("/v1/models").json()
        assert {model.pop("analysis") for model in versions["models"]} == {"1-en"}
        assert {(model.pop("use"), model.pop("judgement")) for model in versions["models"]} == {("learned", None)}
        assert versions == reference["versions"]
        same(client.get("/v1/experiments").json(), reference["experiments"])
        for query, answer in reference["rewrites"].items():
            rewrite = client.post("/v1/rewrite", json={"query": query}).json()
            assert rewrite.pop("timing_ms") > 0
            same(rewrite, answer)
        back = client.post("/v1/models/rollback", headers=ADMIN).json()
        assert (back["active"], back["previous"]) == (reference["versions"]["previous"][0], [None])


def test_a_click_token_is_accepted(expected):
    """A visitor clicks on what was shown before the service was upgraded."""
    token = expected("artefacts")["click_token"]
    tokens = ClickTokens([token["key"]], 3600, clock=lambda: token["signed"] + 60)
    shown = tokens.read(token["token"])
    assert [shown.session_id, shown.query_id, shown.doc_id, shown.rank] == token["shown"]
