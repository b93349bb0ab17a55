"""A new version from the log, at toy size."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from app import renewal, service_client
from app.cli import app
from app.model_store import ModelStore
from rewriter import judging
from rewriter.statistics import compare
from search.session_log import SessionLog
from tests.app.small_corpus import write_corpus
from tests.app.test_demo import TOY

pytest.importorskip("torch")


@pytest.fixture
def place(tmp_path):
    write_corpus(tmp_path / "documents.jsonl")
    (tmp_path / "toy.toml").write_text(TOY, encoding="utf-8")
    (tmp_path / "key").write_text("let me in\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def told(monkeypatch):
    """What a service was told to activate."""
    calls = []
    monkeypatch.setattr(service_client, "activate", lambda *given: calls.append(given))
    return calls


@pytest.fixture
def call(place):
    """Run a command on the place; what it ended with."""

    def run(*arguments):
        environment = {
            "UNTILCLICK_CONFIG": str(place / "toy.toml"),
            "UNTILCLICK_DATA": str(place / "documents.jsonl"),
            "UNTILCLICK_LOG": str(place / "log.db"),
            "UNTILCLICK_MODELS": str(place / "models"),
            "UNTILCLICK_OUT": str(place / "run"),
        }
        return CliRunner(env=environment).invoke(app, [str(one) for one in arguments])

    return run


def answer_of(done):
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)


def live_log(place):
    """The simulated sessions as if visitors had made them: nothing says what they wanted."""
    with SessionLog.open(str(place / "log.db")) as log, SessionLog.open(str(place / "live.db")) as live:
        for session in log.sessions():
            turns = tuple(replace(turn, attributes={}) for turn in session.turns)
            live.append([replace(session, source="live", turns=turns)])
    (place / "live.db").replace(place / "log.db")


def test_from_few_sessions_a_version_knows_the_documents_alone(place, call, told):
    call("simulate")
    service = ("--service", "http://service:8000", "--admin-key-file", place / "key")
    first = answer_of(call("renew", "--source", "simulated", *service, "--json"))
    assert (first["stage"], first["rival"]) == ("base", None)
    assert 0 < first["clicked_sessions"] < renewal.MIN_CLICKED
    assert first["comparison"]["b"] == "as typed"
    assert [one.version for one in ModelStore(place / "models").versions()] == [first["version"]]
    assert first["activated"] == first["better"] == bool(told)
    made = (place / "run" / "base" / "stage.json").stat().st_mtime_ns
    ModelStore(place / "models").activate(first["version"])
    again = call("renew", "--source", "simulated")
    assert "It is the version that answers already." in again.stdout
    assert (place / "run" / "base" / "stage.json").stat().st_mtime_ns == made, "the base is used again"


@pytest.mark.parametrize("better", [True, False])
def test_a_version_of_visitors_clicks_answers_only_where_it_is_better(place, call, told, monkeypatch, better):
    monkeypatch.setattr(renewal, "MIN_CLICKED", 10)
    seen = []

    def judged(engine, rivals, queries, rng):
        seen.append((rivals, queries))
        values = [0.9 if better else 0.1, 0.5]
        return compare((rivals[0][0], rivals[1][0]), "nDCG@10", tuple(rng.normal(v, 0.01, 50) for v in values), rng)

    monkeypatch.setattr(judging, "judge", judged)
    call("simulate")
    live_log(place)
    service = ("--service", "http://service:8000", "--admin-key-file", place / "key")
    done = call("renew", *service, "--set", "ppo.iterations=1")
    assert done.exit_code == 0, done.stderr
    found = json.loads((place / "run" / "renewal.json").read_text())
    assert (found["stage"], found["better"]) == ("ppo", better)
    ((rivals, queries),) = seen
    assert rivals[0][1].version == found["version"]
    assert all(one.shown for one in queries), "clicks are the grades"
    record = json.loads((place / "run" / "ppo" / "stage.json").read_text())
    assert record["config"]["reward"] == "hindsight"
    assert told == ([("http://service:8000", found["version"], "let me in")] if better else [])
    assert ("It is better, and answers now." if better else "That may be chance") in done.stdout


def test_a_service_needs_its_key_before_anything_is_trained(place, call, told):
    call("simulate")
    assert "--admin-key-file" in call("renew", "--service", "http://service:8000").stderr
    absent = call("renew", "--service", "http://service:8000", "--admin-key-file", place / "absent")
    assert (absent.exit_code, "cannot be read" in absent.stderr) == (2, True)
    assert not (place / "run").exists()
