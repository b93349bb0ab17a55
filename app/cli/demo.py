"""`untilclick demo`: the whole loop in one command, then the service."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from untilclick.app.cli.options import AsJson, Config, Data, Engine, Host, Overrides, Port, Seed, Sessions, given

if TYPE_CHECKING:
    from untilclick.app.loop.demo import DemoConfig, DemoOutcome
    from untilclick.app.loop.demo_memory import StepRecord
    from untilclick.app.settings.commands import Given
    from untilclick.app.terminal.progress import Update
    from untilclick.app.terminal.terminal import Terminal

PROGRAM = "untilclick"
EVALUATE_FIELDS = ("max_topics", "resamples", "sessions", "oracle", "context", "more_baselines")
"""What may be set of `EvaluateConfig` besides what options say."""
LINE_INDENT = 23
"""Where the text of a step begins."""


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
            help="Folder for everything.  [dim]\\[default: runs/NAME][/dim]",
        ),
    ] = None,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Start the service in the end.")] = True,
    engine: Engine = "tantivy",
    sessions: Sessions = 60_000,
    seed: Seed = 0,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Documents, simulated sessions, training, evaluation, and the service on the result.

    It takes some minutes; stop it whenever you like: the same command goes on where it was.
    """
    from untilclick.app.cli.serve import check_port
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.loop.demo import run_demo
    from untilclick.app.terminal.terminal import Terminal

    terminal = Terminal(as_json=as_json)
    said = given(context, overrides)
    settings = _settings(said, (data, engine, seed, sessions), out)
    if serve:
        check_port(host, port, _other_port(port))
    with terminal.progress("Starting"):
        set_up_torch()
    outcome = run_demo(settings, _View(terminal, settings))
    _close(terminal, outcome)
    if serve:
        _serve(terminal, outcome, said, host, port)


def _other_port(port: int) -> str:
    other = f"--port {port + 11 if port < 65_000 else 8011}"
    return (
        f"choose another place with --host and --port, as in {other} (with make: make demo ARGS='{other}'), "
        "or leave the service out with --no-serve"
    )


def _settings(given: Given, options: tuple[str, str, int, int], out: Path | None) -> DemoConfig:
    from untilclick.app.loop.demo import DemoConfig
    from untilclick.app.loop.simulation import SimulationConfig
    from untilclick.rewriter.config import BaseConfig, PolicyConfig, PPOConfig, WarmStartConfig
    from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
    from untilclick.search.users.simulate import SimulateConfig
    from untilclick.search.users.user import UserConfig

    data, engine, seed, sessions = options
    user = given.stage(UserConfig, "user", misspellings="train")
    return DemoConfig(
        data=data,
        out=out or Path("runs") / folder_name(data),
        engine=engine,
        seed=seed,
        simulation=SimulationConfig(sessions, "train", seed, user, given.stage(SimulateConfig, "simulate")),
        policy=given.stage(PolicyConfig, "policy", seed=seed),
        base=given.stage(BaseConfig, "base", seed=seed),
        warm_start=given.stage(WarmStartConfig, "warm_start", seed=seed),
        ppo=given.stage(PPOConfig, "ppo", seed=seed),
        evaluate=given.stage(EvaluateConfig, "evaluate", EVALUATE_FIELDS, more_baselines=False),
    )


def folder_name(data: str) -> str:
    """A folder's name for a `--data` source: the last part of a path without endings, or the id with dashes."""
    last = data.removeprefix("ir_datasets:") if data.startswith("ir_datasets:") else Path(data).resolve().name
    plain = re.sub(r"(\.jsonl)?(\.gz)?$", "", last)
    return re.sub(r"[^\w.-]+", "-", plain).strip("-.") or "demo"


class _View:
    """Numbered lines below a title, which waits for the documents: they may not be there."""

    def __init__(self, terminal: Terminal, config: DemoConfig) -> None:
        self._terminal, self._config = terminal, config

    def progress(self, label: str) -> AbstractContextManager[Update]:
        return self._terminal.progress(label)

    def step(self, number: int, total: int, title: str, record: StepRecord, *, fresh: bool) -> None:
        from untilclick.app.terminal.progress import duration
        from untilclick.app.terminal.terminal import escape

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
        from untilclick.app.terminal.terminal import escape

        self._terminal.line(f"{' ' * LINE_INDENT}[dim]{escape(text)}[/dim]", hang=LINE_INDENT)


def _close(terminal: Terminal, outcome: DemoOutcome) -> None:
    """The table, the verdict, and where everything is."""
    from untilclick.app.terminal.evaluation_tables import (
        differences_table,
        finding,
        main_rivals,
        remarks,
        systems_table,
    )
    from untilclick.app.terminal.terminal import escape

    config, results = outcome.config, outcome.evaluated.results
    terminal.line()
    terminal.table(systems_table(results))
    terminal.line()
    terminal.line(f"[bold]{escape(finding(results))}[/bold]")
    if about := remarks(results):
        terminal.line(escape(about))
    terminal.line()
    if differences := differences_table(results, main_rivals(results)):
        terminal.table(differences)
        terminal.line()
    for label, path in (("report", outcome.evaluated.report), ("bundle", outcome.bundle), ("log", outcome.log)):
        terminal.line(f"  [dim]{label:<7}[/dim] {escape(str(path))}")
    terminal.answer(
        {
            "out": config.out,
            "verdict": finding(results),
            "remarks": remarks(results),
            "comparisons": results.comparisons,
            "systems": {name: dict(one.means) for name, one in results.figures.items()},
            "sessions": {name: one for name, one in results.sessions.figures.items()} if results.sessions else None,
            "report": outcome.evaluated.report,
            "bundle": outcome.bundle,
            "log": outcome.log,
            "examples": outcome.examples,
        }
    )
    terminal.line()
    first = outcome.examples[0] if outcome.examples else "your query"
    terminal.line("[dim]Next[/dim]")
    program = program_name(sys.argv[0])
    data, bundle, log = (shlex.quote(str(one)) for one in (config.data, outcome.bundle, outcome.log))
    terminal.command(f"{program} search {shlex.quote(first)}", f"--data {data}", f"--bundle {bundle}")
    terminal.command(f"{program} log stats", f"--log {log}")


def program_name(called: str) -> str:
    """How a reader can call this program: by its name where the shell finds that, otherwise as it was `called`."""
    return called if Path(called).name == PROGRAM and shutil.which(PROGRAM) is None else PROGRAM


def _serve(terminal: Terminal, outcome: DemoOutcome, given: Given, host: str, port: int) -> None:
    from untilclick.app.cli.serve import service_settings, start_service
    from untilclick.app.terminal.terminal import escape

    config = outcome.config
    settings = service_settings(
        given,
        data=config.data,
        engine=config.engine,
        log=str(outcome.log),
        bundle=outcome.bundle,
        index=outcome.index,
        host=host,
        port=port,
        examples=outcome.examples,
    )

    terminal.line(f"\n[bold]http://{host}:{port}[/bold]  [dim]Ctrl-C ends it. Held-out queries to try there:[/dim]")
    for query in outcome.examples:
        terminal.line(f"  {escape(query)}")
    start_service(settings)
