"""Logs that hold too little: a sentence that says what is missing, status 0, and the version before."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.loop.renewal import renew as renewal
from untilclick.app.versions.store import ModelStore
from untilclick.search.corpora.load import load_collection
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Session, Turn

from tests.app.small_corpus import write_corpus
from tests.app.toy_settings import TOY

pytest.importorskip("torch")

N = 60


@pytest.fixture
def workspace(tmp_path):
    write_corpus(tmp_path / "documents.jsonl")
    (tmp_path / "toy.toml").write_text(TOY, encoding="utf-8")
    return tmp_path


@pytest.fixture
def call(workspace):
    """Calls a command in the workspace; returns the result of the call."""
    environment = {
        "UNTILCLICK_CONFIG": str(workspace / "toy.toml"),
        "UNTILCLICK_DATA": str(workspace / "documents.jsonl"),
        "UNTILCLICK_LOG": str(workspace / "log.db"),
        "UNTILCLICK_MODELS": str(workspace / "models"),
        "UNTILCLICK_OUT": str(workspace / "run"),
    }
    return lambda *arguments: CliRunner(env=environment).invoke(app, [str(each) for each in arguments])


def sessions_of(kind, documents):
    """`N` sessions of two queries, of one of the poor kinds."""
    for number in range(N):
        wanted = documents[0 if kind in ("one document", "one need") else number % len(documents)]
        words = documents[0 if kind == "one need" else number % len(documents)].title.split()
        name = f"s{number}"
        clicks = () if kind == "no clicks" else (Click(f"{name}b", wanted.doc_id, 1, 3.0),)
        turns = (
            Turn(f"{name}a", 0, words[0], None, (wanted.doc_id,), (), 1.0),
            Turn(f"{name}b", 1, " ".join(words), None, (wanted.doc_id,), clicks, 2.0),
        )
        yield Session(name, "live", turns, "v" if kind == "one visitor" else f"v{number % 20}")


@pytest.fixture
def poor_log(workspace):
    def write(kind):
        documents = load_collection(str(workspace / "documents.jsonl")).corpus.documents
        with SessionLog.open(str(workspace / "log.db")) as log:
            log.append(list(sessions_of(kind, documents)))

    return write


SAID = {
    "one need": "Nothing was learned from the log: The clicks of the log's 60 sessions state 1 need, and 2 are",
    "one document": "Nothing was learned from the log: The clicks of the log's 60 sessions state 1 need, and 2 are",
    "no clicks": "Nothing was learned from the log: 0 sessions with a click, and 10 are needed.",
    "one visitor": "client ids name 1 visitor",
}


@pytest.mark.parametrize("kind", SAID)
def test_a_renewal_says_what_is_missing_and_the_version_before_stays(workspace, call, poor_log, monkeypatch, kind):
    monkeypatch.setattr(renewal, "MIN_CLICKED", 10)
    poor_log(kind)
    first = call("renew", "--set", "ppo.iterations=1")
    assert first.exit_code == 0, first.stderr
    assert SAID[kind] in first.stdout
    assert "Traceback" not in first.stdout + first.stderr
    store = ModelStore(workspace / "models")
    (version,) = [manifest.version for manifest in store.versions()]
    store.activate(version)
    again = call("renew", "--set", "ppo.iterations=1", "--seed", "1")
    assert again.exit_code == 0, again.stderr
    assert f"Version {version} stays." in again.stdout


@pytest.mark.parametrize("kind", ["one need", "one document", "no clicks"])
def test_a_training_says_what_is_missing(call, poor_log, kind):
    """`train` is asked for one stage, which cannot be made: one sentence, and no stage."""
    poor_log(kind)
    assert call("train", "base").exit_code == 0
    refused = call("train", "warm-start")
    assert (refused.exit_code, "Traceback" in refused.stderr) == (2, False)
    stated = "no need" if kind == "no clicks" else "1 need"
    assert f"The clicks of the log's 60 sessions state {stated}, and 2 are needed" in " ".join(refused.stderr.split())
