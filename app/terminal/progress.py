"""Progress of long work on standard error: a bar with the time left in a terminal, a plain line every few seconds
elsewhere.

Nothing here writes to standard output: results are printed by `untilclick.app.terminal.terminal`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from untilclick.rewriter.data.show import Units

Update = Units
"""Called with the units done, their total and, of work in parts, the name of the part."""

SECONDS_BETWEEN_LINES = 5.0
"""Time between plain lines."""

PACE_SECONDS = 600.0
"""Time whose pace decides the time left in a bar. Parts of a proof report once a minute: in half a minute, Rich's
default, there is no pace."""

MIN_SECONDS = 2.0
"""Time before the first plain line: shorter work prints none."""


@contextmanager
def progress(console: Console, label: str) -> Iterator[Update]:
    """Show the progress of one piece of work until the block ends; a terminal's bar is then removed."""
    if not console.is_terminal:
        yield PlainLines(console, label)
        return
    columns = (
        SpinnerColumn(style="cyan"),
        TextColumn("[progress.description]{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("[dim]left"),
    )
    with Progress(*columns, console=console, transient=True, speed_estimate_period=PACE_SECONDS) as bar:
        task = bar.add_task(label, total=None)

        def update(done: int, total: int, part: str = "") -> None:
            if done < bar.tasks[0].completed:  # other work begins, with a pace of its own
                bar.reset(task)
            bar.update(task, completed=done, total=total or None, description=_named(label, part))

        yield update


class PlainLines:
    """Progress for log files and pipes: at most one line in SECONDS_BETWEEN_LINES."""

    def __init__(self, console: Console, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._label, self._clock = console, label, clock
        self._next = clock() + MIN_SECONDS
        self._first: _Mark | None = None
        self._last = 0

    def __call__(self, done: int, total: int, part: str = "") -> None:
        """Print a line if one is due."""
        now = self._clock()
        if self._first is None or done < self._last:
            self._first = _Mark(now, done)
        self._last = done
        if now < self._next:
            return
        self._next = now + SECONDS_BETWEEN_LINES
        text = f"{done:,}"
        if total:
            text = f"{100 * done / total:.0f} %" if part else f"{done:,} of {total:,}"
            started, before = self._first
            if done > before:
                text += f", about {duration((now - started) * (total - done) / (done - before))} left"
        self._console.print(f"{_named(self._label, part)}: {text}", highlight=False, soft_wrap=True)


class _Mark(NamedTuple):
    """Where the pace is measured from: units that an earlier run had done took no time in this one. Fewer units than
    before are the beginning of other work."""

    time: float
    done: int


def _named(label: str, part: str) -> str:
    return f"{label}, {part}" if part else label


def duration(seconds: float) -> str:
    """A time for readers: `0.4 s`, `12 s`, `3 min 5 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
