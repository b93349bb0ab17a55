"""`untilclick serve` and `untilclick search`: the trained rewriter at work, over HTTP or in the terminal."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from untilclick.app.cli.options import (
    AsJson,
    Config,
    Data,
    Engine,
    Host,
    LogUrl,
    Overrides,
    Port,
    ServiceEngine,
    given,
)
from untilclick.app.settings.commands import Given, nearest
from untilclick.search.errors import UntilclickError

if TYPE_CHECKING:
    from untilclick.app.settings.service import Settings
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.rewriter.rewrite import Rewrite
    from untilclick.search.engines.protocol import SearchEngine
    from untilclick.search.records import WeightedQuery

BundleOption = typer.Option(
    "--bundle", metavar="BUNDLE", envvar="UNTILCLICK_BUNDLE", help="Exported rewriter; without one, queries stay."
)

NEW = "+"
"""Marks a result that only the rewrite found."""


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command(
        epilog="Example: [b]untilclick serve --data stdlib --bundle runs/stdlib/bundle --log runs/stdlib/log.db[/b]"
    )(serve)
    app.command(
        epilog='Example: [b]untilclick search "read file line by line" --data stdlib --bundle runs/stdlib/bundle[/b]'
    )(search)


def service_settings(given: Given, **options: object) -> Settings:
    """The service's settings: options and `--set service.*`, then the environment, then the file's `[service]`."""
    from untilclick.app.settings.service import Settings, setting_places, variable_of

    (in_file, file), _, (in_options, overrides) = given.layers("service")
    for origin, layer in ((in_file, file), (in_options, overrides)):
        for name in layer:
            if name not in setting_places():
                hint = nearest(name, sorted(setting_places()))
                raise UntilclickError(f"{origin.format(name)}: the service has no such setting. {hint}")
    from_file = {
        variable_of(name): value if isinstance(value, str) else json.dumps(value) for name, value in file.items()
    }
    return Settings.from_environment({**from_file, **given.environment}, **{**options, **overrides})


def check_port(host: str, port: int, remedy: str = "choose another place with --host and --port") -> None:
    """Raise UntilclickError with the remedy where the service could not listen, before anything long is begun."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        place = f"{host}:{port} ({error.strerror})"
        raise UntilclickError(f"The service cannot listen on {place}; {remedy}") from None


def start_service(settings: Settings) -> None:
    """Serve until stopped."""
    from untilclick.app.http.main import serve as run

    run(settings)


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
            help="Folder of versions, to be activated and compared; BUNDLE is the first, where none was chosen yet.",
        ),
    ] = None,
    engine: ServiceEngine = "tantivy",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[
        int, typer.Option("--workers", min=1, envvar="UNTILCLICK_WORKERS", help="Processes that answer.")
    ] = 1,
    config: Config = None,
    overrides: Overrides = None,
) -> None:
    """Serve search with rewriting, its page and its session log. More settings: the variables of docs/service.md."""
    from untilclick.app.terminal.terminal import Terminal

    options = {
        "data": data,
        "engine": engine,
        "log": log,
        "bundle": bundle,
        "models": models,
        "host": host,
        "port": port,
    }
    settings = service_settings(given(context, overrides), workers=workers, **options)
    check_port(host, port)
    Terminal().line(f"[bold]http://{host}:{port}[/bold]  [dim]Ctrl-C ends it.[/dim]")
    start_service(settings)


def search(
    query: Annotated[str, typer.Argument(help="What a visitor types.")],
    data: Data = "stdlib",
    bundle: Annotated[Path | None, BundleOption] = None,
    engine: Engine = "tantivy",
    k: Annotated[int, typer.Option("--k", "-k", min=1, max=100, help="Results to show.")] = 10,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Search once: results for the query as typed and, with a bundle, as rewritten, side by side."""
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.rewriter.rewrite import RewriteRequest
    from untilclick.search.corpora.load import load_collection
    from untilclick.search.engines import open_engine
    from untilclick.search.records import WeightedQuery

    terminal = Terminal(as_json=as_json)
    with terminal.progress("Opening the collection"):
        opened = open_engine(engine, load_collection(data).corpus)
    original = _results(opened, WeightedQuery.of(query), k)
    rewrite, rewritten = None, None
    if bundle is not None:
        from untilclick.rewriter.serving.runtime import open_bundle

        rewrite = open_bundle(bundle, opened).rewrite([RewriteRequest(query)])[0]
        rewritten = _results(opened, rewrite.blend, k)
    _show(terminal, query, rewrite, (original, rewritten))
    terminal.answer(
        {
            "query": query,
            "original": original,
            "rewrite": _summary(rewrite),
            "rewritten": rewritten,
        }
    )


def _summary(rewrite: Rewrite | None) -> dict[str, object] | None:
    if rewrite is None:
        return None
    names = ("text", "terms", "correction", "context", "applied", "reason", "confidence")
    return {name: getattr(rewrite, name) for name in names}


@dataclass(frozen=True)
class _Hit:
    rank: int
    doc_id: str
    title: str


def _results(engine: SearchEngine, query: WeightedQuery, k: int) -> list[_Hit]:
    ranking = engine.search([query], k)[0]
    documents = engine.documents([entry.doc_id for entry in ranking])
    return [_Hit(rank, one.doc_id, one.title or one.doc_id) for rank, one in enumerate(documents, start=1)]


def _show(
    terminal: Terminal, query: str, rewrite: Rewrite | None, results: tuple[list[_Hit], list[_Hit] | None]
) -> None:
    """Two columns, titled; what only the rewrite found is marked."""
    from rich.table import Table

    from untilclick.app.terminal.terminal import escape

    original, rewritten = results
    table = Table(box=None, pad_edge=False, header_style="dim", caption_justify="left")
    table.add_column("", justify="right", style="dim", no_wrap=True)
    queries = {"as typed": query} if rewrite is None else {"as typed": query, "rewritten": rewrite.text}
    for title in queries:
        table.add_column(title, overflow="fold")
    table.add_row("", *(escape(text) for text in queries.values()), style="bold")
    found = {hit.doc_id for hit in original}
    if any(hit.doc_id not in found for hit in rewritten or ()):
        table.caption = f"{NEW}: not among the results as typed"
    for i in range(max(len(original), len(rewritten or ()))):
        cells = [escape(original[i].title) if i < len(original) else ""]
        if rewritten is not None:
            cells.append(_cell(rewritten[i], found) if i < len(rewritten) else "")
        table.add_row(str(i + 1), *cells)
    terminal.table(table)
    if not original and not rewritten:
        terminal.line("Nothing found.")
    if rewrite is not None and not rewrite.applied:
        terminal.line(f"[dim]The query was kept: {rewrite.reason.value}[/dim]")


def _cell(hit: _Hit, found: set[str]) -> str:
    from untilclick.app.terminal.terminal import escape

    return escape(hit.title) if hit.doc_id in found else f"[green]{NEW} {escape(hit.title)}[/green]"
