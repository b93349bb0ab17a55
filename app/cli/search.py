"""`untilclick search`: one query in the terminal, as typed and as rewritten."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from untilclick.app.cli.options import AsJson, Config, Data, Engine, Language, ServedCaution
from untilclick.app.cli.serve import BundleOption
from untilclick.app.terminal.terminal import Terminal, escape
from untilclick.rewriter.readings import Reading, Readings, UsedReadings
from untilclick.search.analysis.languages import in_words

if TYPE_CHECKING:
    from untilclick.app.loop.single_search import Hit, SearchResults
    from untilclick.app.service.reading import ReadingsAnswer
    from untilclick.rewriter.rewrite import Rewrite

NEW = "+"
"""Marks a result of the rewritten query that the query as typed does not have."""
BY_MEANING = "~"
"""Marks a result that the likeness of documents found, and no word."""
PROMINENT = "*"
"""Marks a result that is listed because many documents name it."""

_READ_AS = {
    UsedReadings.WORDS: "words",
    UsedReadings.DOCUMENTS: "documents",
    UsedReadings.BOTH: "words and documents",
}


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
    readings: Annotated[
        Readings,
        typer.Option(
            "--readings",
            case_sensitive=False,
            help="How the rewriter reads the query, as the service does: as words, as documents of like meaning, or "
            "as both.",
        ),
    ] = Readings.AUTO,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Search once. With a bundle, show the results of the query as typed and as rewritten side by side."""
    from untilclick.app.loop.single_search import SingleSearch, search_once  # noqa: PLC0415  tantivy and CTranslate2

    terminal = Terminal(as_json=as_json)
    search = SingleSearch(data, engine, k, bundle, exact_titles, language, caution, readings)
    results = search_once(query, search, terminal.progress)
    _show(terminal, results)
    terminal.answer(
        {
            "query": query,
            "original": results.original,
            "rewrite": _summary(results.rewrite),
            "rewritten": results.rewritten,
            "readings": None if results.readings is None else _readings_summary(results.readings),
            "languages": results.languages,
        }
    )


def _summary(rewrite: Rewrite | None) -> dict[str, object] | None:
    if rewrite is None:
        return None
    names = ("text", "terms", "correction", "context", "applied", "reason", "confidence")
    return {name: getattr(rewrite, name) for name in names}


def _readings_summary(readings: ReadingsAnswer) -> dict[str, object]:
    """The same as the service answers."""
    weights = None if readings.shares is None else readings.shares._asdict()
    return {"asked": readings.asked, "used": readings.used, "weights": weights, "why": readings.why}


def _show(terminal: Terminal, results: SearchResults) -> None:
    """Print one column of titles per query; results that only the rewritten query has, and those that no word found,
    are marked."""
    original, rewrite, rewritten = results.original, results.rewrite, results.rewritten or []
    table = Table(box=None, pad_edge=False, header_style="dim", caption_justify="left")
    table.add_column("", justify="right", style="dim", no_wrap=True)
    queries = {"as typed": results.query} | ({} if rewrite is None else {"rewritten": rewrite.text})
    for title in queries:
        table.add_column(title, overflow="fold")
    table.add_row("", *(escape(text) for text in queries.values()), style="bold")
    typed_ids = {hit.doc_id for hit in original}
    notes = [f"{NEW}: not among the results as typed"] * any(hit.doc_id not in typed_ids for hit in rewritten)
    notes += [f"{BY_MEANING}: found by meaning"] * any(_by_meaning(hit) for hit in rewritten)
    notes += [f"{PROMINENT}: named by many documents"] * any(_is_prominent(hit) for hit in rewritten)
    table.caption = "; ".join(notes) or None
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
    elif results.readings is not None:
        terminal.line(f"[dim]{_how_read(results.readings)}[/dim]")


def _how_read(readings: ReadingsAnswer) -> str:
    """How a rewritten query was read, in a line."""
    line = f"Read as {_READ_AS[readings.used]}"
    if readings.shares is not None:
        shares = readings.shares._asdict().items()
        line += ": " + ", ".join(f"{part} {share:.0%}" for part, share in shares if share or part != "prior")
    return line if readings.why is None else f"{line}, and not as documents: {readings.why.value}"


def _cell(hit: Hit, typed_ids: set[str]) -> str:
    marks = [BY_MEANING] * _by_meaning(hit) + [PROMINENT] * _is_prominent(hit)
    title = " ".join([*marks, escape(hit.title)])
    return title if hit.doc_id in typed_ids else f"[green]{NEW} {title}[/green]"


def _by_meaning(hit: Hit) -> bool:
    return Reading.WORDS not in hit.found_by


def _is_prominent(hit: Hit) -> bool:
    return Reading.PROMINENCE in hit.found_by
