"""`untilclick simulate`: the fake search engine fills a session log."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from untilclick.app.cli.options import AsJson, Config, Data, Engine, LogUrl, Overrides, Seed, Sessions, given

if TYPE_CHECKING:
    from untilclick.app.loop.simulation import SimulationConfig, SimulationOutcome

SETTINGS_SUFFIX = ".simulated.jsonl"
"""Behind the name of a SQLite log: one line per run with its settings and figures."""


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
    split: Annotated[
        str, typer.Option("--split", envvar="UNTILCLICK_SPLIT", help="Whose topics the users have in mind.")
    ] = "train",
    engine: Engine = "tantivy",
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Let simulated users search until a click, and log every query of theirs."""
    from untilclick.app.loop.simulation import SimulationConfig, fill_log
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.search.corpora.load import load_collection
    from untilclick.search.engines import open_engine
    from untilclick.search.log.session_log import SessionLog
    from untilclick.search.users.simulate import SimulateConfig
    from untilclick.search.users.user import UserConfig

    settings, terminal = given(context, overrides), Terminal(as_json=as_json)
    user = settings.stage(UserConfig, "user", misspellings="train" if split == "train" else "test")
    if click_model is not None:
        user = replace(user, click_model=click_model)
    simulation = SimulationConfig(sessions, split, seed, user, settings.stage(SimulateConfig, "simulate"))
    collection = load_collection(data, seed=seed)
    with terminal.progress("Simulating sessions") as update, SessionLog.open(log) as opened:
        outcome = fill_log(opened, collection, open_engine(engine, collection.corpus), simulation, update)
    _save_settings(log, data, simulation, outcome)
    added = outcome.added
    before = f" ({outcome.there:,} of {sessions:,} were there)" if outcome.there else ""
    terminal.line(
        f"{added.sessions:,} sessions logged{before}: {added.queries:,} queries, {added.clicked_at_first_query:,} "
        f"sessions clicked at the first query, {added.abandoned:,} gave up."
    )
    terminal.answer({"log": log, "there_before": outcome.there, **asdict(added)})


def _save_settings(log: str, data: str, simulation: SimulationConfig, outcome: SimulationOutcome) -> None:
    """Beside a log that is a file; a database server has no place beside it."""
    from untilclick.search.log.database import parse_log_url

    url = parse_log_url(log)
    if url.drivername.startswith("sqlite") and url.database:
        record = {"data": data, "settings": asdict(simulation), "figures": asdict(outcome)}
        with Path(url.database + SETTINGS_SUFFIX).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
