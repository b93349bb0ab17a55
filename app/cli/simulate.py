"""`untilclick simulate`: simulated users fill a session log."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from untilclick.app.terminal.realism_tables import realism_notes, realism_table
from untilclick.app.terminal.session_lines import session_lines
from untilclick.app.terminal.terminal import Terminal, escape

if TYPE_CHECKING:
    from untilclick.search.users.realism.comparing import Comparison

Show = Annotated[
    int,
    typer.Option("--show", min=0, envvar="UNTILCLICK_SHOW", help="Print so many sessions, as people read them."),
]
ClickModelName = Annotated[
    str | None,
    typer.Option(
        "--click-model",
        envvar="UNTILCLICK_CLICK_MODEL",
        help="How users click: pbm, cm, dcm, dbn, sdbn, ubm.  [dim]\\[default: dbn][/dim]",
    ),
]
Like = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="URL",
        envvar="UNTILCLICK_LIKE",
        help="Session log of a site, whose visitors the users are fitted to.",
    ),
]
UsersFile = Annotated[
    Path | None,
    typer.Option(
        "--users",
        metavar="FILE",
        envvar="UNTILCLICK_USERS",
        help="File with fitted users: with --like it is written (default: beside the log), else it is read.",
    ),
]
Split = Annotated[
    str, typer.Option("--split", envvar="UNTILCLICK_SPLIT", help="Split whose topics the users look for.")
]
Compare = Annotated[
    str | None,
    typer.Option(
        "--compare",
        metavar="REAL_LOG",
        envvar="UNTILCLICK_COMPARE",
        help="Log of real sessions that the simulated ones are compared with.",
    ),
]
PlotFile = Annotated[
    Path,
    typer.Option("--plot", envvar="UNTILCLICK_PLOT", help="Plot of --compare, an svg, png or pdf file."),
]


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
    show: Show = 0,
    click_model: ClickModelName = None,
    like: Like = None,
    users: UsersFile = None,
    split: Split = "train",
    engine: Engine = "tantivy",
    seed: Seed = 0,
    language: Language = "auto",
    compare: Compare = None,
    plot: PlotFile = Path("realism.svg"),
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Simulate users who search until they click, and log their sessions.

    Sessions of the same settings that the log already holds are not simulated again. With --like, the users are those
    of a site: what its log cannot tell of them is taken from the defaults, and said.
    """
    from untilclick.app.loop import simulation, site_users  # noqa: PLC0415  users draw with numpy, tantivy searches
    from untilclick.app.loop.simulating import compare as comparing  # noqa: PLC0415
    from untilclick.search.corpora.opened import OpenedCollection  # noqa: PLC0415

    terminal, stages = Terminal(as_json=as_json), read_settings(context, overrides)
    settings = simulation.simulation_config(stages, sessions, split, seed, click_model)
    real = comparing.real_log(compare, plot) if compare else None
    opened = OpenedCollection.load(data, engine, seed, language=language)
    people = None
    if like is not None or users is not None:
        where = site_users.UsersOptions(like, users, log)
        people = site_users.site_users(where, site_users.site_of(opened, seed), settings.user, terminal)
        settings = simulation.simulation_config(stages, sessions, split, seed, click_model, people.habits)
        site_users.show_users(people, settings.user, terminal)
    outcome = simulation.simulate(settings, opened, log, terminal, people)
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
    compared = real and comparing.compare_run(real, outcome, opened, log, seed)
    if compared:
        _show(compared, plot, terminal)
    answer = {"log": log, "there_before": outcome.n_present, **asdict(added)}
    answer |= {"compared": asdict(compared), "plot": plot} if compared else {}
    terminal.answer(answer | ({"users": people.values, "notes": people.notes} if people else {}))


def _show(comparison: Comparison, plot: Path, terminal: Terminal) -> None:
    """Print the table and the notes, and draw the plot."""
    from untilclick.app.loop.simulating.realism_plot import draw_realism  # noqa: PLC0415

    draw_realism({"simulated": comparison}, plot)
    terminal.line()
    terminal.table(realism_table(comparison))
    for note in realism_notes(comparison):
        terminal.line(note)
    terminal.line(f"Plot: {plot}")
