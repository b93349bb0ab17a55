"""`untilclick index`: load documents into a cluster before a service needs them."""

from __future__ import annotations

import typer

from untilclick.app.cli.options import AsJson, Config, Data, Language, Overrides, read_settings
from untilclick.app.cli.serve import service_settings
from untilclick.app.terminal.terminal import Terminal, escape
from untilclick.search.analysis.languages import in_words


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: [b]untilclick index --data stdlib --set service.opensearch_shards=2[/b]")(index)


def index(
    context: typer.Context,
    data: Data = "stdlib",
    language: Language = "auto",
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Load documents into an OpenSearch cluster, or continue an interrupted load.

    The settings service.opensearch_* say where the cluster is and how to reach it, for instance
    --set service.opensearch_url=http://localhost:9200 or UNTILCLICK_OPENSEARCH_URL.
    """
    terminal = Terminal(as_json=as_json)
    settings = service_settings(read_settings(context, overrides), data=data, engine="opensearch", language=language)

    from untilclick.app.loop.indexing import index_documents  # noqa: PLC0415  its OpenSearch client may be missing

    indexed = index_documents(settings, data, terminal)
    language = in_words(indexed.languages)
    terminal.line(
        f"{indexed.documents:,} documents, in {language}, in the index [bold]{escape(indexed.index)}[/bold]"
    )
    terminal.answer(indexed)
