"""Tables of a session log."""

from __future__ import annotations

import io

from rich.console import Console

from untilclick.app.terminal.log_tables import stats_table, suspects_table
from untilclick.search.log.stats import LogStats, SessionFigures, VersionFigures
from untilclick.search.log.visitors import Suspect


def _console(**options) -> Console:
    return Console(file=io.StringIO(), width=200, **options)


def test_an_empty_log_shows_dashes_and_versions_have_rows_of_their_own():
    no_sessions = SessionFigures(0, 0, 0, None, None, None)
    some = SessionFigures(10, 15, 8, 0.5, 1.25, 0.2)
    console = _console()
    console.print(stats_table(LogStats(no_sessions)))
    assert console.file.getvalue().splitlines()[-1].split() == ["all", "0", "0", "0", "-", "-", "-"]
    console.print(stats_table(LogStats(some, (VersionFigures(None, no_sessions), VersionFigures("v1", some)))))
    rows = [line.split() for line in console.file.getvalue().splitlines()[-3:]]
    assert [row[0] for row in rows] == ["none", "v1", "all"]
    assert rows[1] == ["v1", "10", "15", "8", "50.0", "%", "1.25", "20.0", "%"]


def test_a_suspect_has_a_row_with_its_reasons_and_brackets_are_no_markup():
    console = _console()
    console.print(suspects_table([Suspect("[bold]bot", 3, 1200, 4, ("a query every 60.0 s", "no pauses"))]))
    row = console.file.getvalue().splitlines()[-1]
    assert " ".join(row.split()) == "[bold]bot 3 1,200 4 a query every 60.0 s; no pauses"
