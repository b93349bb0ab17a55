"""`untilclick log ...`: figures of a session log, automated visitors, fits of click models, exchange of sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from untilclick.app.cli.options import AsJson, Config, LogUrl
from untilclick.app.terminal.click_tables import models_table, ranks_table
from untilclick.app.terminal.log_tables import stats_table, suspects_table
from untilclick.app.terminal.terminal import Terminal, counted

Format = Annotated[
    Literal["ubi", "jsonl"],
    typer.Option(
        "--format",
        envvar="UNTILCLICK_FORMAT",
        help="ubi: a folder of User Behavior Insights 1.3.0 files; jsonl: one file, one session per line.",
    ),
]
SourceName = Annotated[
    Literal["all", "simulated", "live"],
    typer.Option(
        "--source", envvar="UNTILCLICK_SOURCE", help="Sessions of simulated users, of live visitors, or all."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        name="log",
        no_args_is_help=True,
        help="Inspect a session log, and exchange sessions with other tools.",
        epilog="Example: [b]untilclick log stats --log runs/stdlib/log.db[/b]",
    )
    group.command(epilog="Example: [b]untilclick log stats --log runs/stdlib/log.db --source live[/b]")(stats)
    group.command(epilog="Example: [b]untilclick log audit --log untilclick.db[/b]")(audit)
    group.command("fit-clicks", epilog="Example: [b]untilclick log fit-clicks --log untilclick.db --source live[/b]")(
        fit_clicks
    )
    group.command(
        "export", epilog="Example: [b]untilclick log export --log runs/stdlib/log.db --format ubi --out ubi-files[/b]"
    )(export_log)
    group.command(
        "import", epilog="Example: [b]untilclick log import ubi-files --log runs/other.db --format ubi[/b]"
    )(import_log)
    app.add_typer(group)


def stats(log: LogUrl, source: SourceName = "all", config: Config = None, as_json: AsJson = False) -> None:
    """Count sessions, queries and clicks; show how often the first query was clicked, and how many queries it
    took."""
    from untilclick.app.loop.session_logs import log_stats  # noqa: PLC0415  SQLAlchemy takes .3 s to load

    terminal = Terminal(as_json=as_json)
    figures = log_stats(log, None if source == "all" else source)
    terminal.table(stats_table(figures))
    terminal.answer(figures)


def audit(log: LogUrl, config: Config = None, as_json: AsJson = False) -> None:
    """List visitors of the live sessions that look automated, with the reasons."""
    from untilclick.app.loop.session_logs import log_suspects  # noqa: PLC0415  reads through SQLAlchemy

    terminal = Terminal(as_json=as_json)
    with terminal.progress("Reading sessions"):
        suspects = log_suspects(log)
    if suspects:
        terminal.table(suspects_table(suspects))
    else:
        terminal.line("No visitor in this log looks automated.")
    terminal.answer({"suspects": suspects})


def fit_clicks(
    log: LogUrl,
    click_model: Annotated[
        str | None,
        typer.Option(
            "--click-model",
            envvar="UNTILCLICK_CLICK_MODEL",
            help="Fit only this model: pbm, cm, dcm, dbn, sdbn or ubm.  [dim]\\[default: all][/dim]",
        ),
    ] = None,
    source: SourceName = "all",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Fit click models to the result lists of a log, and measure how well they predict clicks in other sessions."""
    from untilclick.app.loop.click_fits import fit_click_models  # noqa: PLC0415  fits with numpy and scipy

    terminal = Terminal(as_json=as_json)
    fits = fit_click_models(log, None if source == "all" else source, click_model, terminal)
    terminal.line(
        f"Fitted to {counted(fits.lists, 'result list', 'result lists')} with "
        f"{counted(fits.pairs, 'pair', 'pairs')} of query and document; "
        f"{counted(fits.held_out_lists, 'list', 'lists')} of other sessions held out."
    )
    terminal.table(models_table(fits.models))
    terminal.table(ranks_table(fits.click_rates, fits.models))
    terminal.answer(fits)


def export_log(
    log: LogUrl,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="PATH", envvar="UNTILCLICK_OUT", help="A folder for ubi, a file for jsonl."),
    ],
    file_format: Format = "ubi",
    source: SourceName = "all",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write sessions to files."""
    from untilclick.app.loop.session_logs import export_sessions  # noqa: PLC0415  SQLAlchemy and UBI models

    terminal = Terminal(as_json=as_json)
    with terminal.progress("Writing sessions"):
        n = export_sessions(log, out, file_format, None if source == "all" else source)
    terminal.line(f"{n:,} sessions written to {out}")
    terminal.answer({"sessions": n, "out": out})


def import_log(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder of ubi files, or a jsonl file.")],
    log: LogUrl,
    file_format: Format = "ubi",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add the sessions of files to a log: all of them, or none if one is broken or already in the log."""
    from untilclick.app.loop.session_logs import import_sessions  # noqa: PLC0415  UBI models, then SQLAlchemy

    terminal = Terminal(as_json=as_json)
    with terminal.progress("Reading sessions"):
        n = import_sessions(path, log, file_format)
    terminal.line(f"{n:,} sessions added to {log}")
    terminal.answer({"sessions": n, "log": log})
