"""Progress bars, progress lines, and durations."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from untilclick.app.terminal.progress import PlainLines, duration, progress
from untilclick.rewriter.data.show import Part, Parts


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


def test_other_work_has_a_pace_of_its_own():
    """Choosing the blend of a training once had no progress; its units take another time than the training's."""
    console, clock = _console(), Clock()
    lines = PlainLines(console, "Warm start", clock)
    for second, done, total, part in (
        (0, 0, 100, ""),
        (90, 90, 100, ""),
        (100, 1, 5, "choosing"),
        (106, 2, 5, "choosing"),
    ):
        clock.now = float(second)
        lines(done, total, part)
    assert console.file.getvalue().splitlines() == [
        "Warm start: 90 of 100, about 10 s left",
        "Warm start, choosing: 20 %",
        "Warm start, choosing: 40 %, about 18 s left",
    ]


def test_the_time_left_of_work_in_parts_is_that_of_all_parts():
    """The time left of a proof once was that of its part, at the pace of the parts before."""
    console, clock = _console(), Clock()
    parts = Parts(PlainLines(console, "Proof", clock), [Part("judging", 60), Part("refit", 180), Part("check", 60)])
    with parts("judging") as update:
        for minute in (1, 2):
            clock.now = 60.0 * minute
            update(minute, 2)
    with parts("refit") as update:
        clock.now = 240.0
        update(100, 300)
    parts.replan([])
    with parts("check"):
        clock.now = 250.0
    assert console.file.getvalue().splitlines() == [
        "Proof, judging: 10 %, about 9 min 0 s left",
        "Proof, judging: 20 %, about 8 min 0 s left",
        "Proof, refit: 40 %, about 6 min 0 s left",
        "Proof, check: 100 %, about 0.0 s left",
    ]


def test_in_a_terminal_a_bar_is_shown_and_removed():
    console = _console(force_terminal=True)
    with progress(console, "Base") as update:
        update(1, 2)
        update(1, 3, "choosing")
    assert "Base, choosing" in console.file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (9.9, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (185.0, "3 min 5 s")]
)
def test_durations_read_naturally(seconds, text):
    assert duration(seconds) == text
