"""`untilclick changes`: list and drop the documents that were changed while a service ran."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from untilclick.app.cli.options import AsJson, Config, Data
from untilclick.app.terminal.terminal import Terminal, escape

IndexFolder = Annotated[
    Path,
    typer.Option(
        "--index",
        metavar="FOLDER",
        envvar="UNTILCLICK_INDEX",
        exists=True,
        file_okay=False,
        help="The service's index folder.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: [b]untilclick changes --data documents.jsonl --index index[/b]")(changes)


def changes(
    index: IndexFolder,
    data: Data = "stdlib",
    live_changes: Annotated[
        Literal["refuse", "keep", "drop"],
        typer.Option(
            "--live-changes",
            envvar="UNTILCLICK_LIVE_CHANGES",
            help="What happens to earlier changes of which it is not clear whether they still apply.",
        ),
    ] = "refuse",
    drop: Annotated[
        bool, typer.Option("--drop", help="Drop all changes: the documents are again those of the source.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List the documents that were put or deleted over HTTP, or drop these changes.

    A service that runs finds the documents as they were within a second; it needs no restart.
    """
    terminal = Terminal(as_json=as_json)

    from untilclick.app.loop.changed_documents import changed_documents  # noqa: PLC0415  the engine takes .1 s to load

    changed = changed_documents(data, index, live_changes, drop=drop)
    for change in changed.changes:
        time = datetime.fromtimestamp(change.time, UTC).isoformat(timespec="seconds")
        terminal.line(f"{time}  {change.change:7}  {escape(change.doc_id)}  [dim]{escape(change.title)}[/dim]")
    numbers = f"{len(changed.changes):,} changed documents of {data}"
    terminal.line(escape(f"{numbers} were dropped" if drop else numbers))
    terminal.answer(changed)
