"""Progress of long work on standard error: a bar with the time left in a terminal, a plain line every few seconds
elsewhere.

Nothing here writes to standard output: results are printed by `untilclick.app.terminal.terminal`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

Update = Callable[[int, int], None]
"""Called with the number of units done and their total; a total of 0 means that it is unknown."""

SECONDS_BETWEEN_LINES = 5.0
"""Time between plain lines."""

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
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


class PlainLines:
    """Progress for log files and pipes: at most one line in SECONDS_BETWEEN_LINES."""

    def __init__(self, console: Console, label: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._label, self._clock = console, label, clock
        self._next = clock() + MIN_SECONDS
        self._first: tuple[float, int] | None = None
        """Time of the first call and the units done by then. The pace is measured from here: units that an earlier
        run had done took no time in this one."""

    def __call__(self, done: int, total: int) -> None:
        """Print a line if one is due."""
        now = self._clock()
        self._first = self._first or (now, done)
        if now < self._next:
            return
        self._next = now + SECONDS_BETWEEN_LINES
        text = f"{self._label}: {done:,}"
        if total:
            text += f" of {total:,}"
            started, before = self._first
            if done > before:
                text += f", about {duration((now - started) * (total - done) / (done - before))} left"
        self._console.print(text, highlight=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """A time for readers: `0.4 s`, `12 s`, `3 min 5 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"
