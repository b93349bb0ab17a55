"""A new version from the log, at toy size."""

from __future__ import annotations

import inspect
import json

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from untilclick.app.cli import renew as command
from untilclick.app.cli.main import app
from untilclick.app.loop.renewal import renew as renewal
from untilclick.app.loop.renewal import service_client
from untilclick.app.settings.service import setting_places
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.judging.evidence import Finding, Verdict
from untilclick.rewriter.proof import evidence as proof_evidence
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.search.errors import DataError
from untilclick.search.log.session_log import SessionLog

from benchmarks.live_sessions import as_of_a_person
from tests.app.small_corpus import write_corpus
from tests.app.toy_settings import TOY

pytest.importorskip("torch")


@pytest.fixture
def workspace(tmp_path):
    write_corpus(tmp_path / "documents.jsonl")
    (tmp_path / "toy.toml").write_text(TOY, encoding="utf-8")
    (tmp_path / "key").write_text("let me in\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def activations(monkeypatch):
    """The calls of `activate` that a service got."""
    calls = []
    monkeypatch.setattr(service_client, "activate", lambda *arguments: calls.append(arguments))
    return calls


@pytest.fixture
def call(workspace):
    """Calls a command in the workspace; returns the result of the call."""

    def run(*arguments):
        environment = {
            "UNTILCLICK_CONFIG": str(workspace / "toy.toml"),
            "UNTILCLICK_DATA": str(workspace / "documents.jsonl"),
            "UNTILCLICK_LOG": str(workspace / "log.db"),
            "UNTILCLICK_MODELS": str(workspace / "models"),
            "UNTILCLICK_OUT": str(workspace / "run"),
        }
        return CliRunner(env=environment).invoke(app, [str(argument) for argument in arguments])

    return run


def answer_of(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def live_log(workspace):
    """The simulated sessions as if visitors had made them: the turns do not name their topics."""
    with SessionLog.open(str(workspace / "log.db")) as log, SessionLog.open(str(workspace / "live.db")) as live:
        for session in log.sessions():
            live.append([as_of_a_person(session)])
    (workspace / "live.db").replace(workspace / "log.db")


@pytest.fixture
def verdicts(monkeypatch):
    """Lets every contest end as the test says, by the name of the other; returns the contests that were held."""

    def decide(default=Verdict.CANNOT_SAY, **of_other):
        contests = []

        def finding(other):
            verdict = of_other.get(other.replace(" ", "_"), default)
            return Finding(other, verdict, "nDCG@10", 0.0, (-0.1, 0.1), 0.5, 0.0, 50, 50)

        def contest(version, other, opened, sides, judging):
            contests.append((version, other, sides))
            return finding(other.name)

        for module in (renewal, proof_evidence):
            monkeypatch.setattr(module, "contest", contest)
        monkeypatch.setattr(proof_evidence, "contest_in_folds", lambda *_: finding("untrained"))
        monkeypatch.setattr(renewal, "MIN_CLICKED", 10)
        return contests

    return decide


@pytest.fixture
def service(workspace):
    """The options that name a service."""
    return ("--service", "http://service:8000", "--admin-key-file", workspace / "key")


def test_from_few_sessions_a_version_knows_the_documents_alone(workspace, call, activations, service):
    call("simulate")
    first = answer_of(call("renew", "--source", "simulated", *service, "--json"))
    assert (first["champion"], first["evidence"], first["admission"]["use"]) == (None, None, "untrained")
    assert 0 < first["clicked_sessions"] < renewal.MIN_CLICKED
    assert f"{renewal.MIN_CLICKED} are needed" in first["note"]
    (manifest,) = ModelStore(workspace / "models").versions()
    assert (manifest.version, manifest.use, manifest.evidence) == (first["version"], "untrained", None)
    assert (first["activated"], len(activations)) == (True, 1), "the untrained rewriter answers, not plain BM25"
    time_made = (workspace / "run" / "base" / "stage.json").stat().st_mtime_ns
    ModelStore(workspace / "models").activate(first["version"])
    again = call("renew", "--source", "simulated")
    assert f"Version {first['version']} stays." in again.stdout
    assert (workspace / "run" / "base" / "stage.json").stat().st_mtime_ns == time_made, "the base is used again"


@pytest.mark.parametrize(
    ("untrained", "use"),
    [(Verdict.BETTER, "learned"), (Verdict.CANNOT_SAY, "untrained"), (Verdict.WORSE, "untrained")],
)
def test_what_visitors_clicks_taught_answers_only_where_it_is_better(
    workspace, call, activations, verdicts, untrained, use
):
    contests = verdicts(untrained=untrained)
    call("simulate")
    live_log(workspace)
    service = ("--service", "http://service:8000", "--admin-key-file", workspace / "key")
    result = call("renew", *service, "--set", "ppo.iterations=1")
    assert result.exit_code == 0, result.stderr
    record = json.loads((workspace / "run" / "renewal.json").read_text())
    manifest = read_manifest(workspace / "models" / record["version"])
    assert (record["admission"]["use"], manifest.use, manifest.evidence is None) == (use, use, False)
    assert (workspace / "models" / record["version"] / "twin" / "bundle.json").is_file() == (use == "learned")
    assert json.loads((workspace / "run" / "ppo" / "stage.json").read_text())["config"]["reward"] == "hindsight"
    assert activations == [("http://service:8000", record["version"], "let me in")]
    assert f"Version {record['version']} is now active." in result.stdout
    assert {other.name for _, other, _ in contests} == {"as typed", "untrained"}


@pytest.mark.parametrize(("start", "version"), [(Verdict.WORSE, None), (Verdict.CANNOT_SAY, "untrained")])
def test_nothing_answers_that_is_worse_than_the_query_as_typed(
    workspace, call, activations, verdicts, start, version
):
    verdicts(as_typed=start)
    call("simulate")
    record = answer_of(call("renew", "--source", "simulated", "--json"))
    assert (record["version"] is None) == (version is None)
    assert len(ModelStore(workspace / "models").versions()) == (version is not None)


def test_versions_are_compared_by_their_twins_on_needs_that_neither_was_trained_on(workspace, call, verdicts):
    """Two versions of one log with different settings: the second is compared with the first, the champion."""
    contests = verdicts(Verdict.BETTER)
    call("simulate")
    live_log(workspace)
    first = answer_of(call("renew", "--set", "ppo.iterations=1", "--json"))
    store = ModelStore(workspace / "models")
    store.activate(first["version"])
    twin = read_manifest(store.folder_of(first["version"]) / "twin").version
    contests.clear()
    second = answer_of(call("renew", "--set", "ppo.iterations=1", "--seed", "1", "--json"))
    assert second["champion"] == first["version"] != second["version"]
    ((version, champion, sides),) = [each for each in contests if each[1].name == first["version"]]
    assert version.name == "ppo"
    assert champion.rewriter.version == twin != first["version"]
    needs = [{sides.need_of(each) for each in part} for part in (sides.judged, sides.training + sides.validation)]
    assert all(needs)
    assert needs[0].isdisjoint(needs[1])


def test_in_place_of_a_version_that_has_learned_only_a_better_one_answers(
    workspace, call, activations, verdicts, service
):
    verdicts(Verdict.BETTER)
    call("simulate")
    first = answer_of(call("renew", "--source", "simulated", "--json"))
    store = ModelStore(workspace / "models")
    store.activate(first["version"])
    verdicts(Verdict.BETTER, **{first["version"]: Verdict.CANNOT_SAY})
    second = call("renew", "--source", "simulated", "--seed", "1", *service)
    assert f"Version {first['version']} stays." in second.stdout
    assert activations == []
    assert [manifest.version for manifest in store.versions()] == [first["version"]]


def test_a_version_keeps_the_analysis_of_the_active_one_unless_a_new_one_is_wanted(workspace, call, verdicts):
    """Each version is judged on an index of its own analysis."""
    contests = verdicts(Verdict.BETTER)
    call("simulate")
    source = ("--source", "simulated", "--json")
    first = answer_of(call("renew", *source, "--language", "fr"))
    store = ModelStore(workspace / "models")
    store.activate(first["version"])
    same = answer_of(call("renew", *source, "--language", "en", "--seed", "1"))
    new = answer_of(call("renew", *source, "--language", "en", "--analysis", "new"))
    analyses = [read_manifest(store.folder_of(record["version"])).analysis for record in (first, same, new)]
    assert analyses == ["2-fr", "2-fr", "2-en"]
    sides = [
        [each.engine.analysis.name for each in held[:2]] for held in contests if held[1].name == first["version"]
    ]
    assert sides == [["2-fr", "2-fr"], ["2-en", "2-fr"]]


def test_a_failed_activation_is_reported_after_the_judgement(workspace, call, monkeypatch, service):
    def refuse(*arguments):
        raise service_client.ServiceCallError("the service refused")

    monkeypatch.setattr(service_client, "activate", refuse)
    call("simulate")
    result = call("renew", "--source", "simulated", *service, "--json")
    assert (result.exit_code, "the service refused" in result.stderr) == (2, True)
    assert json.loads(result.stdout)["activated"] is False
    assert json.loads((workspace / "run" / "renewal.json").read_text())["is_new"] is True


def test_a_version_is_not_activated_if_the_champion_changed_during_the_judgement(
    workspace, call, activations, monkeypatch, service
):
    """An operator may roll back or activate a version during a renewal."""
    call("simulate")
    first = answer_of(call("renew", "--source", "simulated", "--json"))
    run = renewal.renew

    def renewed(*arguments):
        outcome = run(*arguments)
        ModelStore(workspace / "models").activate(first["version"])
        return outcome

    monkeypatch.setattr(renewal, "renew", renewed)
    result = call("renew", "--source", "simulated", "--seed", "1", *service)
    assert (result.exit_code, activations) == (2, [])
    assert f"{first['version']} is active now" in result.stderr


def test_a_log_of_few_needs_gives_a_base_and_says_why(workspace, call, monkeypatch):
    monkeypatch.setattr(renewal, "MIN_CLICKED", 10)

    def too_few(*arguments):
        raise DataError("too few needs")

    monkeypatch.setattr(renewal, "train_candidate", too_few)
    call("simulate")
    result = call("renew", "--source", "simulated")
    assert (result.exit_code, "Nothing was learned from the log: too few needs." in result.stdout) == (0, True)


def test_a_run_folder_is_used_by_one_renewal_and_for_nothing_else(workspace, call):
    call("simulate")
    (workspace / "run").mkdir()
    with FileLock(workspace / "run" / renewal.LOCK):
        assert "Another renewal is using" in call("renew").stderr
    (workspace / "run" / "base").mkdir()
    assert "not made by" in call("renew").stderr


def test_a_changed_policy_gets_a_base_of_its_own(workspace, call):
    call("simulate")
    stage = workspace / "run" / "base" / "stage.json"
    call("renew", "--source", "simulated")
    time_made = stage.stat().st_mtime_ns
    call("renew", "--source", "simulated", "--set", "policy.memory_documents=0")
    assert stage.stat().st_mtime_ns != time_made


def test_versions_are_judged_by_as_many_clauses_as_the_service_searches():
    default = inspect.signature(command.renew).parameters["clauses"].default
    assert default == setting_places()["rewrite_clauses"].field.default


def test_a_service_needs_its_key_before_anything_is_trained(workspace, call, activations):
    call("simulate")
    assert "--admin-key-file" in call("renew", "--service", "http://service:8000").stderr
    absent = call("renew", "--service", "http://service:8000", "--admin-key-file", workspace / "absent")
    assert (absent.exit_code, "cannot be read" in absent.stderr) == (2, True)
    assert not (workspace / "run").exists()
