"""`untilclick simulate`: simulated users fill a session log."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from untilclick.app.cli.options import (
    AsJson,
    Config,
    Data,
    Engine,
    Language,
    LogUrl,
    Overrides,
    Seed,
    Sessions,
    read_settings,
)
from untilclick.app.terminal.session_lines import session_lines
from untilclick.app.terminal.terminal import Terminal, escape


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: [b]untilclick simulate --data stdlib --log runs/log.db --sessions 60000 --seed 1[/b]"
    )(simulate)


def simulate(
    context: typer.Context,
    log: LogUrl,
    data: Data = "stdlib",
    sessions: Sessions = 60_000,
    show: Annotated[
        int,
        typer.Option("--show", min=0, envvar="UNTILCLICK_SHOW", help="Print so many sessions, as people read them."),
    ] = 0,
    click_model: Annotated[
        str | None,
        typer.Option(
            "--click-model",
            envvar="UNTILCLICK_CLICK_MODEL",
            help="How users click: pbm, cm, dcm, dbn, sdbn, ubm.  [dim]\\[default: dbn][/dim]",
        ),
    ] = None,
    split: Annotated[
        str, typer.Option("--split", envvar="UNTILCLICK_SPLIT", help="Split whose topics the users look for.")
    ] = "train",
    engine: Engine = "tantivy",
    seed: Seed = 0,
    language: Language = "auto",
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Simulate users who search until they click, and log their sessions.

    Sessions of the same settings that the log already holds are not simulated again.
    """
    from untilclick.app.loop import simulation  # noqa: PLC0415  users draw with numpy, and search in tantivy

    terminal = Terminal(as_json=as_json)
    settings = simulation.simulation_config(read_settings(context, overrides), sessions, split, seed, click_model)
    opened = simulation.open_documents(simulation.Documents(data, engine, language), seed)
    outcome = simulation.simulate_opened(settings, opened, log, terminal)
    added = outcome.added
    before = f" ({outcome.n_present:,} of {sessions:,} were there)" if outcome.n_present else ""
    shown = simulation.first_sessions(log, outcome.first_id, min(show, sessions))
    documents = {document.doc_id: document for document in opened.collection.corpus.documents} if shown else {}
    for line in session_lines(shown, documents):
        terminal.line(escape(line))
    terminal.line(
        f"{added.sessions:,} sessions logged{before}: {added.queries:,} queries, {added.clicked_at_first_query:,} "
        f"sessions clicked at the first query, {added.abandoned:,} gave up."
    )
    terminal.answer({"log": log, "there_before": outcome.n_present, **asdict(added)})
