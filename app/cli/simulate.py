"""`untilclick simulate`: simulated users fill a session log."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
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
from untilclick.app.terminal.terminal import Terminal


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
    click_model: Annotated[
        str | None,
        typer.Option(
            "--click-model",
            envvar="UNTILCLICK_CLICK_MODEL",
            help="How users click: pbm, cm, dcm, dbn, sdbn, ubm.  [dim]\\[default: dbn][/dim]",
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            metavar="URL",
            envvar="UNTILCLICK_LIKE",
            help="Session log of a site, whose visitors the users are fitted to.",
        ),
    ] = None,
    users: Annotated[
        Path | None,
        typer.Option(
            "--users",
            metavar="FILE",
            envvar="UNTILCLICK_USERS",
            help="File with fitted users: with --like it is written (default: beside the log), else it is read.",
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

    Sessions of the same settings that the log already holds are not simulated again. With --like, the users are those
    of a site: what its log cannot tell of them is taken from the defaults, and said.
    """
    from untilclick.app.loop import simulation, site_users  # noqa: PLC0415  users draw with numpy, and search in tantivy

    terminal = Terminal(as_json=as_json)
    stages, documents = read_settings(context, overrides), simulation.Documents(data, engine, language)
    settings = simulation.simulation_config(stages, sessions, split, seed, click_model)
    opened = people = None
    if like is not None or users is not None:
        opened = documents.open(seed)
        options = site_users.UsersOptions(like, users, log)
        people = site_users.site_users(options, site_users.site_of(opened, seed), settings.user, terminal)
        settings = simulation.simulation_config(stages, sessions, split, seed, click_model, people.habits)
        site_users.show_users(people, settings.user, terminal)
    outcome = simulation.simulate(settings, documents, log, terminal, opened, people)
    added = outcome.added
    before = f" ({outcome.n_present:,} of {sessions:,} were there)" if outcome.n_present else ""
    terminal.line(
        f"{added.sessions:,} sessions logged{before}: {added.queries:,} queries, {added.clicked_at_first_query:,} "
        f"sessions clicked at the first query, {added.abandoned:,} gave up."
    )
    answer = {"log": log, "there_before": outcome.n_present, **asdict(added)}
    terminal.answer(answer if people is None else {**answer, "users": people.values, "notes": people.notes})
