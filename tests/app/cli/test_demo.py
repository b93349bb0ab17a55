"""`untilclick demo` before its work: the names that it chooses, and mistakes that it reports at once."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from untilclick.app.cli.demo import folder_name, program_name
from untilclick.app.cli.main import app


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("stdlib", "stdlib"),
        ("data/my set/", "my-set"),
        ("docs.jsonl.gz", "docs"),
        ("ir_datasets:beir/nfcorpus/test", "beir-nfcorpus-test"),
    ],
)
def test_the_folder_is_named_after_the_data(data, name):
    assert folder_name(data) == name


def test_commands_to_try_next_can_be_called_where_the_shell_does_not_find_the_program(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert program_name(".venv/bin/untilclick") == ".venv/bin/untilclick"
    assert program_name("/usr/lib/python3/pytest") == "untilclick"
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/untilclick")
    assert program_name(".venv/bin/untilclick") == "untilclick"


def test_a_misspelt_setting_of_the_service_is_reported_before_the_training(tmp_path):
    """The demo once trained for ten minutes and then refused to start its service."""
    done = CliRunner().invoke(app, ["demo", "--out", str(tmp_path / "run"), "--set", "service.max_kk=1"])
    assert done.exit_code == 2
    assert "the service has no such setting. Did you mean max_k?" in done.stderr
    assert not (tmp_path / "run").exists()
