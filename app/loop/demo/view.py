"""A demo in the terminal: its steps as numbered lines, and its results."""

from __future__ import annotations

from contextlib import AbstractContextManager

from untilclick.app.loop.demo.config import DemoConfig
from untilclick.app.loop.demo.memory import StepRecord
from untilclick.app.loop.demo.run import DemoOutcome
from untilclick.app.terminal.evaluation_tables import (
    conclusion,
    differences_table,
    finding,
    harm_table,
    main_opponents,
    remarks,
    systems_table,
)
from untilclick.app.terminal.lay_tables import lay_table
from untilclick.app.terminal.progress import Update, duration
from untilclick.app.terminal.terminal import Terminal, escape
from untilclick.rewriter.evaluation.verdict import MOST_NAMED, about_encoder

WHAT_ANSWERS = "Other needs decide which rewriter answers searches: needs of the log that no training has seen."
"""Comes before the use of the rewriter, whose figures are on other queries."""
LINE_INDENT = 23
"""Column at which the text of a step begins."""


class TerminalView:
    """Shows the steps as numbered lines below a title. The title comes with the first step: documents that cannot be
    read leave none."""

    def __init__(self, terminal: Terminal, config: DemoConfig) -> None:
        self._terminal, self._config = terminal, config

    def progress(self, label: str) -> AbstractContextManager[Update]:
        """See `View.progress`."""
        return self._terminal.progress(label)

    def step(self, number: int, total: int, title: str, record: StepRecord, *, fresh: bool) -> None:
        """See `View.step`."""
        took = duration(record.seconds) if fresh else "earlier"
        mark = "[green]✓[/green]" if fresh else "[dim]✓[/dim]"
        if number == 1:
            place = escape(f"on {self._config.data}, into {self._config.out}")
            self._terminal.line(f"[bold]untilclick demo[/bold] [dim]{place}[/dim]\n")
        self._terminal.line(
            f"{mark} [dim]{number}/{total}[/dim] [bold]{title:<16}[/bold] {escape(record.line)}  [dim]{took}[/dim]",
            hang=LINE_INDENT,
        )

    def note(self, text: str) -> None:
        """See `View.note`."""
        self._terminal.line(f"{' ' * LINE_INDENT}[dim]{escape(text)}[/dim]", hang=LINE_INDENT)


def show_outcome(terminal: Terminal, outcome: DemoOutcome) -> None:
    """Print the table of systems, the finding, the main differences, and the places of report, bundle and log."""
    config, results = outcome.config, outcome.evaluated.results
    terminal.line()
    terminal.table(systems_table(results))
    if about := about_encoder(results, MOST_NAMED):
        terminal.line(escape(about))
    terminal.line()
    terminal.line(conclusion(results, f"{WHAT_ANSWERS} {outcome.served}"))
    terminal.line()
    differences = differences_table(results, main_opponents(results))
    for table in filter(None, (harm_table(results), differences, lay_table(results))):
        terminal.table(table)
        terminal.line()
    bundle = config.bundle if config.bundle.exists() else None
    for label, path in (("report", outcome.evaluated.report), ("bundle", bundle or "none"), ("log", config.log)):
        terminal.line(f"  [dim]{label:<7}[/dim] {escape(str(path))}")
    terminal.answer(
        {
            "out": config.out,
            "verdict": finding(results),
            "remarks": remarks(results),
            "served": outcome.served,
            "comparisons": results.comparisons,
            "harm": results.harm,
            "lay": results.lay,
            "systems": {name: dict(figures.means) for name, figures in results.figures.items()},
            "sessions": dict(results.sessions.figures) if results.sessions else None,
            "report": outcome.evaluated.report,
            "bundle": bundle,
            "log": config.log,
            "examples": outcome.examples,
        }
    )
