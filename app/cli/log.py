"""`untilclick log ...`: figures of a session log, automated visitors, fits of click models, exchange of sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from untilclick.app.cli.options import AsJson, Config, LogUrl

Format = Annotated[
    Literal["ubi", "jsonl"],
    typer.Option(
        "--format",
        envvar="UNTILCLICK_FORMAT",
        help="ubi: a folder of User Behavior Insights 1.3.0 files; jsonl: one file, one session a line.",
    ),
]
SourceName = Annotated[
    Literal["all", "simulated", "live"],
    typer.Option("--source", envvar="UNTILCLICK_SOURCE", help="Whose sessions."),
]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        name="log",
        no_args_is_help=True,
        help="Look into a session log, and exchange sessions with other tools.",
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
    """Sessions, queries and clicks, the share clicked at the first query, and queries until the click."""
    from untilclick.app.terminal.log_tables import stats_table
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.search.log.session_log import SessionLog

    terminal = Terminal(as_json=as_json)
    with SessionLog.open(log, create=False) as opened:
        found = opened.stats(None if source == "all" else source)
    terminal.table(stats_table(found))
    terminal.answer(found)


def audit(log: LogUrl, config: Config = None, as_json: AsJson = False) -> None:
    """List visitors of the live log that look like programs, and why."""
    from untilclick.app.terminal.log_tables import suspects_table
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.search.log.session_log import SessionLog
    from untilclick.search.log.visitors import suspects

    terminal = Terminal(as_json=as_json)
    with SessionLog.open(log, create=False) as opened, terminal.progress("Reading sessions"):
        found = suspects(opened.sessions("live"))
    if found:
        terminal.table(suspects_table(found))
    else:
        terminal.line("Nobody in this log looks automated.")
    terminal.answer({"suspects": found})


def fit_clicks(
    log: LogUrl,
    click_model: Annotated[
        str | None,
        typer.Option(
            "--click-model",
            envvar="UNTILCLICK_CLICK_MODEL",
            help="Fit this one alone: pbm, cm, dcm, dbn, sdbn or ubm.  [dim]\\[default: all][/dim]",
        ),
    ] = None,
    source: SourceName = "all",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Fit click models to the result lists of a log, and measure how well they predict clicks in other sessions."""
    from untilclick.app.terminal.click_tables import models_table, ranks_table
    from untilclick.app.terminal.terminal import Terminal, counted
    from untilclick.search.click_models.by_name import CLICK_MODELS, known_name
    from untilclick.search.click_models.fitting.figures import click_rates, figures_of
    from untilclick.search.click_models.fitting.fit import fit
    from untilclick.search.click_models.fitting.session_lists import session_lists
    from untilclick.search.log.session_log import SessionLog

    terminal = Terminal(as_json=as_json)
    names = CLICK_MODELS if click_model is None else (known_name(click_model),)
    with SessionLog.open(log, create=False) as opened, terminal.progress("Fitting click models") as update:
        lists = session_lists(opened.sessions(None if source == "all" else source))
        figures = {}
        for i, name in enumerate(names):
            update(i, len(names))
            figures[name] = figures_of(fit(name, lists.training), lists)
    rates = click_rates(lists.training)
    terminal.line(
        f"Fitted to {counted(len(lists.training.items), 'result list', 'result lists')} with "
        f"{counted(len(lists.pairs), 'pair', 'pairs')} of query and document; "
        f"{counted(len(lists.held_out.items), 'list', 'lists')} of other sessions held out."
    )
    terminal.table(models_table(figures))
    terminal.table(ranks_table(rates, figures))
    terminal.answer(
        {
            "lists": len(lists.training.items),
            "pairs": len(lists.pairs),
            "held_out_lists": len(lists.held_out.items),
            "click_rates": rates,
            "models": figures,
        }
    )


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
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.search.log.session_jsonl import export_jsonl
    from untilclick.search.log.session_log import SessionLog
    from untilclick.search.log.ubi import export_ubi

    terminal = Terminal(as_json=as_json)
    whose = None if source == "all" else source
    with SessionLog.open(log, create=False) as opened, terminal.progress("Writing sessions"):
        n = export_jsonl(opened, out, whose) if file_format == "jsonl" else export_ubi(opened, out, whose).sessions
    terminal.line(f"{n:,} sessions written to {out}")
    terminal.answer({"sessions": n, "out": out})


def import_log(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A folder of ubi files, or a jsonl file.")],
    log: LogUrl,
    file_format: Format = "ubi",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add the sessions of files to a log: all of them, or none where one is broken or already there."""
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.search.log.session_jsonl import import_jsonl
    from untilclick.search.log.session_log import SessionLog
    from untilclick.search.log.ubi import import_ubi

    terminal = Terminal(as_json=as_json)
    with SessionLog.open(log) as opened, terminal.progress("Reading sessions"):
        n = import_jsonl(path, opened) if file_format == "jsonl" else import_ubi(path, opened).sessions
    terminal.line(f"{n:,} sessions added to {log}")
    terminal.answer({"sessions": n, "log": log})
