"""`untilclick demo`: the whole loop in one command, then the service."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from untilclick.app.cli.options import (
    AsJson,
    Config,
    Data,
    Encoder,
    Engine,
    Host,
    Language,
    Overrides,
    Port,
    Seed,
    Sessions,
    read_settings,
)
from untilclick.app.cli.serve import check_port, service_settings, start_service
from untilclick.app.terminal.terminal import Terminal, escape
from untilclick.rewriter.config import RunConfig

if TYPE_CHECKING:
    from untilclick.app.loop.demo.run import DemoOutcome
    from untilclick.app.settings.commands import CommandSettings

PROGRAM = "untilclick"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: [b]untilclick demo --data stdlib --out runs/stdlib --no-serve[/b]")(demo)


def demo(
    context: typer.Context,
    data: Data = "stdlib",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            envvar="UNTILCLICK_OUT",
            help="Folder for everything that the demo writes.  [dim]\\[default: runs/NAME][/dim]",
        ),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Start the service at the end.")] = True,
    engine: Engine = "tantivy",
    encoder: Encoder = "auto",
    sessions: Sessions = 60_000,
    seed: Seed = 0,
    language: Language = "auto",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole loop on one collection: simulate sessions, train, evaluate, export, and serve the result.

    The run takes some minutes and may be stopped at any time: the same command continues where it stopped.
    """
    from untilclick.app.loop.demo.config import demo_config  # noqa: PLC0415  numpy, for settings of simulated users

    terminal = Terminal(as_json=as_json)
    settings = read_settings(context, overrides)
    place = RunConfig(out or Path("runs") / folder_name(data), data, None, engine, seed, language)
    demo_settings = demo_config(settings, place, sessions, encoder)
    if serve:  # mistakes that would stop the service are reported before the training
        service_settings(settings, host=host, port=port)
        check_port(host, port, _other_port(port))
    with terminal.progress("Starting"):
        from untilclick.app.loop.demo import run, view  # noqa: PLC0415  torch takes seconds, hence the progress
    outcome = run.run_demo(demo_settings, view.TerminalView(terminal, demo_settings))
    view.show_outcome(terminal, outcome)
    _show_next_commands(terminal, outcome)
    if serve:
        _serve(terminal, outcome, settings, host, port)


def _other_port(port: int) -> str:
    other = f"--port {port + 11 if port < 65_000 else 8011}"
    return (
        f"choose another address with --host and --port, for instance {other} (with make: make demo ARGS='{other}'), "
        "or run the demo without the service, with --no-serve"
    )


def folder_name(data: str) -> str:
    """A folder name for a `--data` source: the last part of a path without endings, or the id with dashes."""
    last = data.removeprefix("ir_datasets:") if data.startswith("ir_datasets:") else Path(data).resolve().name
    plain = re.sub(r"(\.jsonl)?(\.gz)?$", "", last)
    return re.sub(r"[^\w.-]+", "-", plain).strip("-.") or "demo"


def _show_next_commands(terminal: Terminal, outcome: DemoOutcome) -> None:
    config = outcome.config
    first = outcome.examples[0] if outcome.examples else "your query"
    program = program_name(sys.argv[0])
    data, bundle, log = (shlex.quote(str(source)) for source in (config.data, config.bundle, config.log))
    terminal.line()
    terminal.line("[dim]Next[/dim]")
    rewriter = [f"--bundle {bundle}"] if config.bundle.exists() else []
    terminal.command(f"{program} search {shlex.quote(first)}", f"--data {data}", *rewriter)
    terminal.command(f"{program} log stats", f"--log {log}")


def program_name(called: str) -> str:
    """The name by which the reader can call this program: `untilclick` if the shell finds it, otherwise `called`."""
    return called if Path(called).name == PROGRAM and shutil.which(PROGRAM) is None else PROGRAM


def _serve(terminal: Terminal, outcome: DemoOutcome, settings: CommandSettings, host: str, port: int) -> None:
    config = outcome.config
    service = service_settings(
        settings,
        data=config.data,
        engine=config.engine,
        log=str(config.log),
        bundle=config.bundle if config.bundle.exists() else None,
        index=config.index,
        host=host,
        port=port,
        examples=() if outcome.evaluated.results.asked else outcome.examples,  # the page has its own of these
    )
    stop = "Ctrl-C stops the service. Queries to try there:"
    terminal.line(f"\n[bold]http://{host}:{port}[/bold]  [dim]{stop}[/dim]")
    for query in outcome.examples:
        terminal.line(f"  {escape(query)}")
    start_service(service)
