"""Copies of what version 0.1.0 wrote, and the command line and service that read them."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from untilclick.app.cli.main import app
from untilclick.app.http.main import create_app
from untilclick.app.settings.service import Settings

DATA = Path(__file__).parent / "data"
SECRET = "the key of an example: 32 letters or more"
"""Signs the click tokens of the examples."""


@pytest.fixture
def examples(tmp_path, monkeypatch):
    """A copy of the examples as the working folder: what reads them may change them, and their paths are relative.

    The examples were made without WordNet, whose synonyms would change the queries of simulated users.
    """
    shutil.copytree(DATA, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WNSEARCHDIR", str(tmp_path / "no-wordnet"))
    return tmp_path


@pytest.fixture
def call(examples):
    """Calls a command with the settings of the examples; returns the JSON object of its answer."""

    def call(*arguments):
        environment = {"UNTILCLICK_CONFIG": "settings.toml"}
        result = CliRunner(env=environment).invoke(app, [*(str(argument) for argument in arguments), "--json"])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return call


@pytest.fixture
def serving(examples):
    """Serve the documents of the examples in process, with these settings besides."""

    @contextmanager
    def serving(**settings):
        defaults = {
            "data": "documents.jsonl",
            "log": "new.db",
            "secret_keys": (SECRET,),
            "rewrite_budget_ms": 10_000.0,
        }
        with TestClient(create_app(Settings.of(**defaults | settings))) as client:
            yield client

    return serving


@pytest.fixture
def expected():
    """What version 0.1.0 made of the examples, by the name of a file."""

    def expected(name):
        return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))

    return expected
