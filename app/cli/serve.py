"""`untilclick serve`: search with the trained rewriter over HTTP; and the service's settings and start, which
`untilclick demo` shares."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from untilclick.app.cli.options import (
    Config,
    Data,
    Host,
    Language,
    LogUrl,
    Overrides,
    Port,
    ServiceEngine,
    read_settings,
)
from untilclick.app.settings.commands import CommandSettings, nearest
from untilclick.app.terminal.terminal import Terminal
from untilclick.search.analysis.languages import in_words
from untilclick.search.errors import UntilclickError

if TYPE_CHECKING:
    from untilclick.app.service.service import SearchService
    from untilclick.app.settings.service import Settings

BundleOption = typer.Option(
    "--bundle",
    metavar="BUNDLE",
    envvar="UNTILCLICK_BUNDLE",
    help="Exported rewriter; without it, no query is rewritten.",
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: [b]untilclick serve --data stdlib --bundle runs/stdlib/bundle --log runs/stdlib/log.db[/b]"
    )(serve)


def service_settings(settings: CommandSettings, **options: object) -> Settings:
    """The service's settings, the strongest first: `--set service.*`, options, environment, the file's `[service]`.

    Raises UntilclickError for an unknown setting, SettingsError for a wrong value.
    """
    from untilclick.app.settings.service import (  # noqa: PLC0415  its checks of values load numpy and SQLAlchemy
        Settings,
        setting_places,
        variable_of,
    )

    file, _, overrides = settings.layers("service")
    for layer in (file, overrides):
        for name in layer.values:
            if name not in setting_places():
                hint = nearest(name, sorted(setting_places()))
                raise UntilclickError(f"{layer.place(name)}: the service has no such setting. {hint}")
    from_file = {
        variable_of(name): value if isinstance(value, str) else json.dumps(value)
        for name, value in file.values.items()
    }
    return Settings.from_environment({**from_file, **settings.environment}, **{**options, **overrides.values})


def check_port(host: str, port: int, remedy: str = "choose another address with --host and --port") -> None:
    """Raise UntilclickError with the remedy if the service cannot listen there; call it before any long work."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        place = f"{host}:{port} ({error.strerror})"
        raise UntilclickError(f"The service cannot listen on {place}; {remedy}") from None


def start_service(settings: Settings, on_open: Callable[[SearchService], None] = lambda _: None) -> None:
    """Serve until the process is stopped; `on_open` is called with the opened service if one process answers."""
    from untilclick.app.http.main import serve as run  # noqa: PLC0415  FastAPI and uvicorn take 1 s to load

    run(settings, on_open)


def _say_language(service: SearchService) -> None:
    Terminal().line(f"[dim]Documents in {in_words(service.corpus_languages)}[/dim]")


def serve(
    context: typer.Context,
    log: LogUrl = "untilclick.db",
    data: Data = "stdlib",
    bundle: Annotated[Path | None, BundleOption] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            "--models",
            metavar="FOLDER",
            envvar="UNTILCLICK_MODELS",
            help="Folder of versions that can be activated and compared; until one is activated, BUNDLE is active.",
        ),
    ] = None,
    engine: ServiceEngine = "tantivy",
    language: Language = "auto",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[
        int, typer.Option("--workers", min=1, envvar="UNTILCLICK_WORKERS", help="Number of processes that answer.")
    ] = 1,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    r"""Serve search with query rewriting over HTTP, with a search page and a session log.

    The service has more settings than options. Give them as --set service.NAME=VALUE, as UNTILCLICK_NAME in the
    environment, or in the table \[service] of the settings file.
    """
    options = {
        "data": data,
        "engine": engine,
        "language": language,
        "log": log,
        "bundle": bundle,
        "models": models,
        "host": host,
        "port": port,
    }
    settings = service_settings(read_settings(context, overrides), workers=workers, **options)
    check_port(host, port)
    Terminal().line(f"[bold]http://{host}:{port}[/bold]  [dim]Ctrl-C stops the service.[/dim]")
    start_service(settings, _say_language)
