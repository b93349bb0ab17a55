"""Which of several values of a setting counts: the command line, the environment, the settings file, the default."""

from __future__ import annotations

import importlib
import json
import os
from unittest import mock

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.main import app

TINY = """
[policy]
d_model = 8
d_kv = 4
d_ff = 8
encoder_layers = 1
memory_terms = 8
[base]
steps = 1
"""


@pytest.fixture
def served(examples):
    """Calls `serve` with two workers and stops before they start; returns the settings in their environment."""

    def served(*arguments, file="", **environment):
        (examples / "test.toml").write_text(file, encoding="utf-8")
        command = ["serve", "--workers", "2", "--port", "0", "--config", "test.toml", *arguments]
        with mock.patch.dict(os.environ, environment), mock.patch("uvicorn.run") as run:
            result = CliRunner().invoke(app, command)
            assert result.exit_code == 0, result.stderr
            environment_of_workers = dict(os.environ)
        module, _, factory = run.call_args.args[0].partition(":")
        assert callable(getattr(importlib.import_module(module), factory))
        assert (run.call_args.kwargs["factory"], run.call_args.kwargs["workers"]) == (True, 2)
        return {name.removeprefix("UNTILCLICK_").lower(): value for name, value in environment_of_workers.items()}

    return served


def test_the_service_takes_a_setting_without_an_option_from_set_then_variable_then_file(served):
    file = '[service]\ntitle = "of the file"\nmax_k = 20\n'
    assert "title" not in served()
    assert served(file=file)["title"] == "of the file"
    variable = {"UNTILCLICK_TITLE": "of the variable"}
    assert served(file=file, **variable)["title"] == "of the variable"
    settings = served("--set", "service.title=of the command", file=file, **variable)
    assert (settings["title"], settings["max_k"]) == ("of the command", "20")


def test_the_service_takes_an_option_from_set_then_flag_then_variable_then_file(served):
    """Options have defaults, which count more than the file's table of the service."""
    table = '[service]\nlog = "table.db"\n'
    file = f'log = "file.db"\n{table}'
    assert served()["log"] == served(file=table)["log"] == "untilclick.db"
    assert served(file=file)["log"] == "file.db"
    variable = {"UNTILCLICK_LOG": "variable.db"}
    assert served(file=file, **variable)["log"] == "variable.db"
    assert served("--log", "flag.db", file=file, **variable)["log"] == "flag.db"
    assert served("--log", "flag.db", "--set", "service.log=set.db", file=file, **variable)["log"] == "set.db"


@pytest.fixture
def trained(examples):
    """Train a base for one step: the learning rate and the seed that its record tells."""

    def trained(*arguments, file="", table="", **environment):
        (examples / "test.toml").write_text(file + TINY + table, encoding="utf-8")
        command = ["train", "base", "--data", "documents.jsonl", "--out", "new", "--config", "test.toml", *arguments]
        result = CliRunner(env=environment).invoke(app, command)
        assert result.exit_code == 0, result.stderr
        config = json.loads((examples / "new" / "base" / "stage.json").read_text(encoding="utf-8"))["config"]
        return config["learning_rate"], config["seed"]

    return trained


def test_training_takes_a_setting_from_set_then_variable_then_file(trained):
    table, variable = "learning_rate = 0.003\n", {"UNTILCLICK_BASE_LEARNING_RATE": "0.004"}
    assert trained()[0] == 0.002
    assert trained(table=table)[0] == 0.003
    assert trained(table=table, **variable)[0] == 0.004
    assert trained("--set", "base.learning_rate=0.005", table=table, **variable)[0] == 0.005


def test_training_takes_the_seed_of_a_stage_before_the_seed_of_the_command(trained):
    """The seed of the command comes from the flag, then the variable, then the file."""
    assert trained(file="seed = 1\n")[1] == 1
    variables = {"UNTILCLICK_SEED": "2"}
    assert trained(file="seed = 1\n", **variables)[1] == 2
    assert trained("--seed", "3", file="seed = 1\n", **variables)[1] == 3
    assert trained("--seed", "3", table="seed = 4\n", **variables)[1] == 4
    variables["UNTILCLICK_BASE_SEED"] = "5"
    assert trained("--seed", "3", table="seed = 4\n", **variables)[1] == 5
    assert trained("--seed", "3", "--set", "base.seed=6", table="seed = 4\n", **variables)[1] == 6


def test_a_settings_file_may_be_named_by_a_variable(examples):
    (examples / "named.toml").write_text('[service]\ntitle = "named"\n', encoding="utf-8")
    with mock.patch.dict(os.environ, {"UNTILCLICK_CONFIG": "named.toml"}), mock.patch("uvicorn.run"):
        assert CliRunner().invoke(app, ["serve", "--workers", "2", "--port", "0"]).exit_code == 0
        assert os.environ["UNTILCLICK_TITLE"] == "named"
