"""docs/environment.md: its program runs, and its table has every field of the configuration."""

from __future__ import annotations

import re
from dataclasses import fields

from untilclick.search.users.env import EnvConfig

from tests.app.small_corpus import write_corpus
from tests.page_code import DOCS, code_blocks

PAGE = "environment.md"


def test_the_program_searches_a_hundred_sessions(tmp_path, monkeypatch, capsys):
    write_corpus(tmp_path / "documents.jsonl")
    monkeypatch.chdir(tmp_path)
    (program,) = code_blocks(PAGE, "python")
    exec(compile(program, PAGE, "exec"), {})
    mean, satisfied = re.fullmatch(
        r"mean return ([+-]\d\.\d{3}), (\d+) of 100 users satisfied\n", capsys.readouterr().out
    ).groups()
    assert -1 <= float(mean) <= 1
    assert float(mean) != 0
    assert int(satisfied) > 50


def test_every_setting_has_its_default_on_the_page():
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    for field in fields(EnvConfig):
        assert f"| `{field.name}` | {str(field.default).lower()} |" in page
