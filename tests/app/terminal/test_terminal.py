"""Lines for people, the object for programs, and log records beside a progress bar."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.logging import RichHandler

from untilclick.app.terminal.terminal import Terminal, counted


def _console(**options) -> Console:
    return Console(file=io.StringIO(), width=200, **options)


def test_for_machines_only_the_answer_is_on_stdout(capsys):
    @dataclass
    class Answer:
        path: Path

    terminal = Terminal(as_json=True)
    terminal.line("for people")
    terminal.answer({"one": Answer(Path("a/b")), "word": "naïve [x]"})
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"one": {"path": "a/b"}, "word": "naïve [x]"}
    assert captured.err == "for people\n"


def test_for_people_nothing_is_json(capsys):
    terminal = Terminal()
    terminal.answer({"a": 1})
    terminal.line("done")
    assert capsys.readouterr().out == "done\n"


def test_what_cannot_be_json_is_a_mistake_of_the_program():
    with pytest.raises(TypeError, match="object"):
        Terminal(as_json=True).answer({"a": object()})


def test_records_of_the_log_appear_above_the_bar_each_on_lines_of_its_own(monkeypatch):
    """A record once began in the middle of the bar's line: the log wrote past the console that shows the bar."""
    terminal, log_console = Terminal(), _console()
    terminal._err = _console(force_terminal=True)
    handler = RichHandler(console=log_console, show_time=False, show_path=False)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])  # others may have been left by commands
    with terminal.progress("Base") as update:
        update(1, 2)
        logging.getLogger("untilclick.search").error("something to know")
    assert handler.console is log_console
    assert log_console.file.getvalue() == ""
    (line,) = [line for line in terminal._err.file.getvalue().splitlines() if "something to know" in line]
    assert "Base" not in line


def test_a_terminal_gets_lines_broken_between_words_and_a_pipe_gets_them_whole(capsys):
    terminal = Terminal()
    terminal._out = Console(file=io.StringIO(), width=20, force_terminal=True, color_system=None)
    terminal.line("[bold]one[/bold] two three four five", hang=2)
    terminal.command("search", "--data documents.jsonl")
    assert terminal._out.file.getvalue().splitlines() == [
        "one two three four", "  five", "  search \\", "    --data documents.jsonl",
    ]  # fmt: skip
    whole = "word " * 100
    Terminal().line(whole)
    Terminal().command("search", whole)
    assert capsys.readouterr().out.splitlines() == [whole, f"  search {whole}"]


def test_counts_agree_with_their_nouns():
    assert [counted(n, "query", "queries") for n in (0, 1, 1592.0)] == ["0 queries", "1 query", "1,592 queries"]
