"""`untilclick index`: documents are loaded into a cluster before a service needs them."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import typer

from untilclick.app.cli.options import AsJson, Config, Data, Overrides, given


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: [b]untilclick index --data stdlib --set service.opensearch_shards=2[/b]")(index)


@dataclass(frozen=True)
class _Answer:
    index: str
    documents: int


def index(
    context: typer.Context,
    data: Data = "stdlib",
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Load documents into OpenSearch, or go on where a load was stopped. Where: the variables of docs/service.md."""
    from untilclick.app.cli.serve import service_settings
    from untilclick.app.service.engine import open_opensearch
    from untilclick.app.terminal.terminal import Terminal, escape
    from untilclick.search.corpora.load import load_corpus

    terminal = Terminal(as_json=as_json)
    settings = service_settings(given(context, overrides), data=data, engine="opensearch")
    with terminal.progress("Reading documents"):
        corpus = load_corpus(data)
    with (
        terminal.progress("Loading documents") as progress,
        contextlib.closing(open_opensearch(settings, corpus, progress)) as engine,
    ):
        answer = _Answer(engine.index, len(corpus.documents))
    terminal.line(f"{answer.documents:,} documents in the index [bold]{escape(answer.index)}[/bold]")
    terminal.answer(answer)
