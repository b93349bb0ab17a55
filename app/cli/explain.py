"""`untilclick explain`: what was learned for a query, in the terminal."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from untilclick.app.cli.options import AsJson, Config, Data, Encoder, Engine, ServedCaution
from untilclick.app.terminal.terminal import Terminal

Model = Annotated[
    Path | None,
    typer.Option(
        "--model",
        metavar="DIR",
        envvar="UNTILCLICK_MODEL",
        help="A run folder: its base against what was learned last; or the folder of one stage.",
    ),
]
Bundle = Annotated[
    Path | None,
    typer.Option("--bundle", metavar="BUNDLE", envvar="UNTILCLICK_BUNDLE", help="Exported rewriter, alone."),
]
Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="URL",
        envvar="UNTILCLICK_LOG",
        help="Session log: how many sessions typed the query or its words, and what they clicked in the end.",
    ),
]
History = Annotated[
    list[str] | None,
    typer.Option(
        "--history", metavar="QUERY", help="A query typed before in the session; may be given several times."
    ),
]
Learned = Annotated[
    bool,
    typer.Option(
        "--learned", help="Show what the models say also where the blend takes words and documents from the encoder."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog='Example: [b]untilclick explain "how do I copy a folder" --data stdlib --model runs/stdlib '
        "--log runs/stdlib/log.db[/b]"
    )(explain)


def explain(
    queries: Annotated[list[str], typer.Argument(metavar="QUERY...", help="Queries as visitors type them.")],
    model: Model = None,
    bundle: Bundle = None,
    data: Data = "stdlib",
    log: Log = None,
    history: History = None,
    learned: Learned = False,
    engine: Engine = "tantivy",
    encoder: Encoder = "auto",
    k: Annotated[int, typer.Option("--k", "-k", min=1, max=100, help="Number of documents to show.")] = 10,
    caution: ServedCaution = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Show what was learned for queries: words and documents, base against trained.

    With a log also how many sessions typed the query or its words, and what they clicked in the end. Nothing is told
    of a query or a word that fewer than three visitors typed.
    """
    from untilclick.app.loop.explaining import ExplainConfig, explain_queries  # noqa: PLC0415  torch
    from untilclick.app.terminal.explanations import show_explanations  # noqa: PLC0415  numpy

    terminal = Terminal(as_json=as_json)
    settings = ExplainConfig(
        queries, tuple(history or ()), model, bundle, data, engine, encoder, log, caution, k, learned
    )
    explained = explain_queries(settings, terminal.progress)
    show_explanations(terminal, explained.notes, explained.queries)
    answer = [
        {**asdict(each.explanation), "log": None if each.evidence is None else asdict(each.evidence)}
        for each in explained.queries
    ]
    terminal.answer({"notes": explained.notes, "queries": answer})
