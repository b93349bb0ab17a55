"""What is shown while one waits, and how numbers read."""

from __future__ import annotations

import io
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console
from rich.logging import RichHandler

from untilclick.app.terminal.progress import PlainLines, duration, progress
from untilclick.app.terminal.terminal import Terminal, counted, stats_table
from untilclick.search.log.stats import LogStats, SessionFigures, VersionFigures


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _console(**options) -> Console:
    return Console(file=io.StringIO(), width=200, **options)


def test_without_a_terminal_a_line_comes_after_two_seconds_and_then_every_five():
    console, clock = _console(), Clock()
    lines = PlainLines(console, "Base", clock)
    for second in range(13):
        clock.now = float(second)
        lines(second * 10, 120)
    assert console.file.getvalue().splitlines() == [
        "Base: 20 of 120, about 10 s left",
        "Base: 70 of 120, about 5.0 s left",
        "Base: 120 of 120, about 0.0 s left",
    ]


def test_what_was_loaded_before_the_first_step_is_not_counted_as_its_pace():
    console, clock = _console(), Clock()
    lines = PlainLines(console, "Base", clock)
    clock.now = 10.0
    lines(1, 100)
    clock.now = 20.0
    lines(11, 100)
    assert console.file.getvalue().splitlines() == ["Base: 1 of 100", "Base: 11 of 100, about 1 min 29 s left"]


def test_without_a_total_no_time_is_guessed():
    console, clock = _console(), Clock()
    lines = PlainLines(console, "Reading", clock)
    clock.now = 3.0
    lines(1000, 0)
    assert console.file.getvalue() == "Reading: 1,000\n"


def test_in_a_terminal_a_bar_is_shown_and_removed():
    console = _console(force_terminal=True)
    with progress(console, "Base") as update:
        update(1, 2)
    assert "Base" in console.file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.9, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (185.0, "3 min 5 s")]
)
def test_durations_read_naturally(seconds, text):
    assert duration(seconds) == text


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


def test_an_empty_log_shows_dashes_and_versions_have_rows_of_their_own():
    nothing = SessionFigures(0, 0, 0, None, None, None)
    some = SessionFigures(10, 15, 8, 0.5, 1.25, 0.2)
    console = _console()
    console.print(stats_table(LogStats(nothing)))
    assert console.file.getvalue().splitlines()[-1].split() == ["all", "0", "0", "0", "-", "-", "-"]
    console.print(stats_table(LogStats(some, (VersionFigures(None, nothing), VersionFigures("v1", some)))))
    rows = [line.split() for line in console.file.getvalue().splitlines()[-3:]]
    assert [row[0] for row in rows] == ["none", "v1", "all"]
    assert rows[1] == ["v1", "10", "15", "8", "50.0", "%", "1.25", "20.0", "%"]


def test_records_of_the_log_appear_above_the_bar_each_on_lines_of_its_own():
    """A record once began in the middle of the bar's line: the log wrote past the console that shows the bar."""
    terminal, own = Terminal(), _console()
    terminal._err = _console(force_terminal=True)
    handler = RichHandler(console=own, show_time=False, show_path=False)
    logging.getLogger().addHandler(handler)
    try:
        with terminal.progress("Base") as update:
            update(1, 2)
            logging.getLogger("untilclick.search").error("something to know")
        assert handler.console is own
    finally:
        logging.getLogger().removeHandler(handler)
    assert own.file.getvalue() == ""
    (line,) = [one for one in terminal._err.file.getvalue().splitlines() if "something to know" in one]
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
