"""`untilclick search`: one query in the terminal, as typed and as rewritten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from untilclick.app.cli.options import AsJson, Config, Data, Engine, Language, ServedCaution
from untilclick.app.cli.serve import BundleOption
from untilclick.app.terminal.terminal import Terminal, escape
from untilclick.search.analysis.languages import in_words

if TYPE_CHECKING:
    from untilclick.app.loop.single_search import Hit, SearchResults
    from untilclick.rewriter.rewrite import Rewrite

NEW = "+"
"""Marks a result of the rewritten query that the query as typed does not have."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog='Example: [b]untilclick search "read file line by line" --data stdlib --bundle runs/stdlib/bundle[/b]'
    )(search)


def search(
    query: Annotated[str, typer.Argument(help="The query as a visitor types it.")],
    data: Data = "stdlib",
    bundle: Annotated[Path | None, BundleOption] = None,
    engine: Engine = "tantivy",
    language: Language = "auto",
    k: Annotated[int, typer.Option("--k", "-k", min=1, max=100, help="Number of results to show.")] = 10,
    exact_titles: Annotated[
        bool,
        typer.Option(
            "--exact-titles/--no-exact-titles",
            envvar="UNTILCLICK_EXACT_TITLES",
            help="Whether a document comes first if its whole title is the query.",
        ),
    ] = True,
    caution: ServedCaution = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Search once. With a bundle, show the results of the query as typed and as rewritten side by side."""
    from untilclick.app.loop.single_search import SingleSearch, search_once  # noqa: PLC0415  tantivy and CTranslate2

    terminal = Terminal(as_json=as_json)
    search = SingleSearch(data, engine, k, bundle, exact_titles, language, caution)
    results = search_once(query, search, terminal.progress)
    _show(terminal, results)
    terminal.answer(
        {
            "query": query,
            "original": results.original,
            "rewrite": _summary(results.rewrite),
            "rewritten": results.rewritten,
            "languages": results.languages,
        }
    )


def _summary(rewrite: Rewrite | None) -> dict[str, object] | None:
    if rewrite is None:
        return None
    names = ("text", "terms", "correction", "context", "applied", "reason", "confidence")
    return {name: getattr(rewrite, name) for name in names}


def _show(terminal: Terminal, results: SearchResults) -> None:
    """Print one column of titles per query; results that only the rewritten query has are marked."""
    original, rewrite, rewritten = results.original, results.rewrite, results.rewritten or []
    table = Table(box=None, pad_edge=False, header_style="dim", caption_justify="left")
    table.add_column("", justify="right", style="dim", no_wrap=True)
    queries = {"as typed": results.query} | ({} if rewrite is None else {"rewritten": rewrite.text})
    for title in queries:
        table.add_column(title, overflow="fold")
    table.add_row("", *(escape(text) for text in queries.values()), style="bold")
    typed_ids = {hit.doc_id for hit in original}
    if any(hit.doc_id not in typed_ids for hit in rewritten):
        table.caption = f"{NEW}: not among the results as typed"
    for i in range(max(len(original), len(rewritten))):
        cells = [escape(original[i].title) if i < len(original) else ""]
        if rewrite is not None:
            cells.append(_cell(rewritten[i], typed_ids) if i < len(rewritten) else "")
        table.add_row(str(i + 1), *cells)
    terminal.table(table)
    if not original and not rewritten:
        terminal.line("Nothing found.")
    terminal.line(f"[dim]Documents in {in_words(results.languages)}[/dim]")
    if rewrite is not None and not rewrite.applied:
        terminal.line(f"[dim]The query was not rewritten: {rewrite.reason.value}[/dim]")


def _cell(hit: Hit, typed_ids: set[str]) -> str:
    return escape(hit.title) if hit.doc_id in typed_ids else f"[green]{NEW} {escape(hit.title)}[/green]"
