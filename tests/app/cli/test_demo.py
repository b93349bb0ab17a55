"""Names that `untilclick demo` chooses: of its folder, and of the program in the commands to try next."""

from __future__ import annotations

import pytest

from untilclick.app.cli.demo import folder_name, program_name


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
