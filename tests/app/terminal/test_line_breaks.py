"""Lines of a terminal: broken between words, with their styles, and commands that can be copied."""

from __future__ import annotations

import pytest
from rich.text import Text

from untilclick.app.terminal.line_breaks import wrap, wrap_command


@pytest.mark.parametrize(
    ("text", "width", "hang", "lines"),
    [
        ("one two three", 8, 0, ["one two", "three"]),
        ("one two three", 13, 0, ["one two three"]),
        ("one two three", 9, 4, ["one two", "    three"]),
        ("  one two", 6, 2, ["  one", "  two"]),
        ("one\n\ntwo", 80, 0, ["one", "", "two"]),
        ("see runs/a/long/path here", 8, 0, ["see", "runs/a/long/path", "here"]),
        ("a longer 95 % interval", 11, 0, ["a longer", "95 %", "interval"]),
        ("took 44 s", 7, 0, ["took", "44 s"]),
        ("日本 日本", 6, 0, ["日本", "日本"]),
        ("", 80, 0, [""]),
    ],
)
def test_lines_break_between_words(text, width, hang, lines):
    assert [line.plain for line in wrap(Text(text), width, hang)] == lines


def test_a_style_goes_on_behind_a_break():
    first, second = wrap(Text.from_markup("one [bold]two three[/bold]"), 8, 2)
    assert [(first.plain[span.start : span.end], span.style) for span in first.spans] == [("two", "bold")]
    assert [(second.plain[span.start : span.end], span.style) for span in second.spans] == [("three", "bold")]


def test_a_command_breaks_between_its_parts_where_a_shell_reads_on():
    parts = ("program search 'a b'", "--data stdlib", "--bundle runs/bundle")
    assert wrap_command(parts, 80, 2) == ["  program search 'a b' --data stdlib --bundle runs/bundle"]
    assert wrap_command(parts, 40, 2) == ["  program search 'a b' --data stdlib \\", "    --bundle runs/bundle"]
