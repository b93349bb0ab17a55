"""A new version from the log, at toy size."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from untilclick.app.cli import renew as command
from untilclick.app.cli.main import app
from untilclick.app.loop.renewal import renew as renewal
from untilclick.app.loop.renewal import service_client
from untilclick.app.settings.service import setting_places
from untilclick.app.versions.store import ModelStore
from untilclick.rewriter.data.first_query_split import need_of_query
from untilclick.rewriter.evaluation.statistics import TopicValues, compare
from untilclick.rewriter.serving.bundle import read_manifest
from untilclick.search.errors import DataError
from untilclick.search.log.session_log import SessionLog

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
            turns = tuple(replace(turn, attributes={}) for turn in session.turns)
            live.append([replace(session, source="live", turns=turns)])
    (workspace / "live.db").replace(workspace / "log.db")


def test_from_few_sessions_a_version_knows_the_documents_alone(workspace, call, activations):
    call("simulate")
    service = ("--service", "http://service:8000", "--admin-key-file", workspace / "key")
    first = answer_of(call("renew", "--source", "simulated", *service, "--json"))
    assert (first["stage"], first["champion"]) == ("base", None)
    assert 0 < first["clicked_sessions"] < renewal.MIN_CLICKED
    assert first["comparison"]["b"] == "as typed"
    assert [manifest.version for manifest in ModelStore(workspace / "models").versions()] == [first["version"]]
    assert (first["activated"], first["better"], activations) == (False, False, []), "too few needs to say so"
    time_made = (workspace / "run" / "base" / "stage.json").stat().st_mtime_ns
    ModelStore(workspace / "models").activate(first["version"])
    again = call("renew", "--source", "simulated")
    assert "It is the active version already." in again.stdout
    assert (workspace / "run" / "base" / "stage.json").stat().st_mtime_ns == time_made, "the base is used again"


@pytest.mark.parametrize("better", [True, False])
def test_a_version_of_visitors_clicks_answers_only_where_it_is_better(
    workspace, call, activations, monkeypatch, better
):
    monkeypatch.setattr(renewal, "MIN_CLICKED", 10)
    comparisons = []

    def judged(challenger, champion, queries, clauses, rng):
        comparisons.append((challenger, queries))
        a = TopicValues(challenger.name, rng.normal(0.9 if better else 0.1, 0.01, 50))
        b = TopicValues(champion.name, rng.normal(0.5, 0.01, 50))
        return compare(a, b, "nDCG@10", rng)

    monkeypatch.setattr(renewal, "judge", judged)
    call("simulate")
    live_log(workspace)
    service = ("--service", "http://service:8000", "--admin-key-file", workspace / "key")
    result = call("renew", *service, "--set", "ppo.iterations=1")
    assert result.exit_code == 0, result.stderr
    record = json.loads((workspace / "run" / "renewal.json").read_text())
    assert (record["stage"], record["better"]) == ("ppo", better)
    ((challenger, queries),) = comparisons
    assert challenger.rewriter.version == record["version"]
    assert all(query.shown for query in queries), "clicks are the grades"
    stage = json.loads((workspace / "run" / "ppo" / "stage.json").read_text())
    assert stage["config"]["reward"] == "hindsight"
    assert activations == ([("http://service:8000", record["version"], "let me in")] if better else [])
    assert ("It is better and now active." if better else "It is worse") in result.stdout


def test_versions_are_compared_on_needs_that_neither_was_trained_on(workspace, call, activations, monkeypatch):
    """Two versions of one log with different settings: the second is compared with the first, the champion."""
    monkeypatch.setattr(renewal, "MIN_CLICKED", 10)
    sessions_learned, comparisons = [], []
    train, judge = renewal._train_on, renewal.judge
    monkeypatch.setattr(
        renewal, "_train_on", lambda *arguments: sessions_learned.append(arguments[2]) or train(*arguments)
    )

    def judged(*arguments):
        comparisons.append(arguments[:3])
        return judge(*arguments)

    monkeypatch.setattr(renewal, "judge", judged)
    call("simulate")
    live_log(workspace)
    first = answer_of(call("renew", "--set", "ppo.iterations=1", "--json"))
    ModelStore(workspace / "models").activate(first["version"])
    second = answer_of(call("renew", "--set", "ppo.iterations=1", "--seed", "1", "--json"))
    assert second["champion"] == first["version"] != second["version"]
    challenger, champion, queries = comparisons[1]
    assert (challenger.rewriter.version, champion.rewriter.version) == (second["version"], first["version"])
    needs = {need_of_query(query.request.query) for query in queries}
    assert needs
    learned = sessions_learned[1].training + sessions_learned[1].validation
    assert needs.isdisjoint(need_of_query(turn.query) for session in learned for turn in session.turns)


def test_a_version_keeps_the_analysis_of_the_active_one_unless_a_new_one_is_wanted(
    workspace, call, activations, monkeypatch
):
    """Each version is judged on an index of its own analysis."""
    comparisons, judge = [], renewal.judge
    monkeypatch.setattr(renewal, "judge", lambda *arguments: comparisons.append(arguments) or judge(*arguments))
    call("simulate")
    source = ("--source", "simulated", "--json")
    first = answer_of(call("renew", *source, "--language", "fr"))
    store = ModelStore(workspace / "models")
    store.activate(first["version"])
    same = answer_of(call("renew", *source, "--language", "en", "--seed", "1"))
    new = answer_of(call("renew", *source, "--language", "en", "--analysis", "new"))
    analyses = [read_manifest(store.folder_of(record["version"])).analysis for record in (first, same, new)]
    assert analyses == ["2-fr", "2-fr", "2-en"]
    judged = [[side.engine.analysis.name for side in arguments[:2]] for arguments in comparisons]
    assert judged == [["2-fr", "2-fr"], ["2-fr", "2-fr"], ["2-en", "2-fr"]]
    needs = [[query.request.query for query in arguments[2]] for arguments in comparisons]
    assert needs[0] == needs[1] == needs[2]


def test_a_failed_activation_is_reported_after_the_comparison(workspace, call, monkeypatch):
    def refuse(*arguments):
        raise service_client.ServiceCallError("the service refused")

    monkeypatch.setattr(service_client, "activate", refuse)
    monkeypatch.setattr(renewal, "is_better", lambda comparison: True)
    call("simulate")
    service = ("--service", "http://service:8000", "--admin-key-file", workspace / "key")
    result = call("renew", "--source", "simulated", *service, "--json")
    assert (result.exit_code, "the service refused" in result.stderr) == (2, True)
    assert json.loads(result.stdout)["activated"] is False
    assert json.loads((workspace / "run" / "renewal.json").read_text())["better"] is True


def test_a_version_is_not_activated_if_the_champion_changed_during_the_comparison(
    workspace, call, activations, monkeypatch
):
    """An operator may roll back or activate a version during a renewal."""
    monkeypatch.setattr(renewal, "is_better", lambda comparison: True)
    call("simulate")
    first = answer_of(call("renew", "--source", "simulated", "--json"))
    run = renewal.renew

    def renewed(*arguments):
        outcome = run(*arguments)
        ModelStore(workspace / "models").activate(first["version"])
        return outcome

    monkeypatch.setattr(renewal, "renew", renewed)
    service = ("--service", "http://service:8000", "--admin-key-file", workspace / "key")
    result = call("renew", "--source", "simulated", "--seed", "1", *service)
    assert (result.exit_code, activations) == (2, [])
    assert f"{first['version']} is active now" in result.stderr


def test_a_log_of_few_needs_gives_a_base_and_says_why(workspace, call, monkeypatch):
    monkeypatch.setattr(renewal, "MIN_CLICKED", 10)

    def too_few(*arguments):
        raise DataError("too few needs")

    monkeypatch.setattr(renewal, "_train_on", too_few)
    call("simulate")
    result = call("renew", "--source", "simulated")
    assert (result.exit_code, "trained on the documents alone (too few needs)" in result.stdout) == (0, True)


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
