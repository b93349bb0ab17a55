"""Listing and dropping the documents that were changed while a service ran."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.search.analysis.by_name import english
from untilclick.search.corpora.load import load_corpus
from untilclick.search.live.live_indexes import LiveIndexes
from untilclick.search.records import Document, WeightedQuery

from tests.app.small_corpus import write_corpus


@pytest.fixture
def documents(tmp_path):
    return write_corpus(tmp_path / "documents.jsonl")


@pytest.fixture
def service(documents, tmp_path):
    """The indexes of a service that runs, after a document was put and one deleted."""
    indexes = LiveIndexes(load_corpus(str(documents)), tmp_path / "index")
    engine = indexes.open(english())
    indexes.put(Document("new", "A [bold] title", "An aardvark."))
    indexes.delete("d000")
    yield indexes, engine
    indexes.close()


@pytest.fixture
def call(documents, tmp_path, service):
    def run(*arguments):
        environment = {"UNTILCLICK_DATA": str(documents), "UNTILCLICK_INDEX": str(tmp_path / "index")}
        result = CliRunner(env=environment).invoke(app, ["changes", *arguments])
        assert result.exit_code == 0, result.stderr
        return result.stdout

    return run


def found(engine, query):
    return [entry.doc_id for entry in engine.search([WeightedQuery.of(query)], 10)[0]]


def test_changes_are_listed(call, documents):
    lines = call().splitlines()
    assert [line.split()[1:3] for line in lines[:2]] == [["put", "new"], ["deleted", "d000"]]
    assert lines[0].endswith("A [bold] title")
    assert lines[2] == f"2 changed documents of {documents}"
    answer = json.loads(call("--json"))
    assert [(change["doc_id"], change["change"]) for change in answer["changes"]] == [
        ("new", "put"),
        ("d000", "deleted"),
    ]
    assert not answer["dropped"]


def test_dropped_changes_are_undone_while_the_service_runs(call, service):
    indexes, engine = service
    assert "were dropped" in call("--drop")
    indexes.follow()
    assert found(engine, "aardvark") == []
    assert engine.documents(["d000"])[0].doc_id == "d000"
    assert call().startswith("0 changed documents")


def test_a_folder_that_is_missing_is_a_mistake(documents, tmp_path):
    result = CliRunner().invoke(app, ["changes", "--data", str(documents), "--index", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
    assert not (tmp_path / "nowhere").exists()
