"""`untilclick evaluate` and `untilclick export`: how good a trained model is, and the bundle that a service loads."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from untilclick.app.cli.options import (
    AsJson,
    Config,
    Data,
    Encoder,
    Engine,
    Overrides,
    Seed,
    ServedCaution,
    read_settings,
)
from untilclick.app.terminal.terminal import Terminal
from untilclick.search.errors import UntilclickError

Model = Annotated[
    Path,
    typer.Option(
        "--model", metavar="DIR", envvar="UNTILCLICK_MODEL", help="A run folder, or the folder of one stage."
    ),
]

Log = Annotated[
    str | None,
    typer.Option(
        "--log",
        metavar="URL",
        envvar="UNTILCLICK_LOG",
        help="Session log without held-out topics. Adds a baseline: the query that most often came next in it.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command(
        epilog="Example: [b]untilclick evaluate --data stdlib --split dev --model runs/stdlib "
        "--out runs/stdlib/on-dev[/b]"
    )(evaluate)
    app.command(
        epilog="Example: [b]untilclick export --model runs/stdlib --out runs/stdlib/bundle --quantization int8[/b]"
    )(export)


def evaluate(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", envvar="UNTILCLICK_OUT", help="Folder for results and report.")
    ],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="DIR",
            envvar="UNTILCLICK_MODEL",
            help="A run folder, or the folder of one stage; without it only the simpler methods are compared.",
        ),
    ] = None,
    data: Data = "stdlib",
    split: Annotated[
        str, typer.Option("--split", envvar="UNTILCLICK_SPLIT", help="Split of the held-out topics, or `asked`.")
    ] = "dev",
    topics: Annotated[
        Path | None,
        typer.Option(
            "--topics",
            metavar="FOLDER",
            envvar="UNTILCLICK_TOPICS",
            help="BEIR folder whose queries and judgments are evaluated in place of the collection's own.",
        ),
    ] = None,
    engine: Engine = "tantivy",
    encoder: Encoder = "auto",
    log: Log = None,
    seed: Seed = 0,
    caution: ServedCaution = None,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Compare trained models with BM25, simpler methods and an oracle on held-out topics.

    The simpler methods are pseudo-relevance feedback, spelling correction, a pretrained sentence encoder, the
    session's earlier queries, statistics of a log and of judgments, and BM25 with tuned parameters.
    """
    from untilclick.rewriter.evaluation.evaluate import EvaluateConfig  # noqa: PLC0415  numpy and scipy, but not torch
    from untilclick.search.users.user import UserConfig  # noqa: PLC0415  numpy and scipy

    terminal = Terminal(as_json=as_json)
    given = read_settings(context, overrides)
    settings = given.stage(EvaluateConfig, "evaluate", EvaluateConfig.SETTABLE)
    habits = given.stage(UserConfig, "user")
    settings = replace(settings, data=data, split=split, topics=topics, engine=engine, out=out)
    settings = replace(settings, seed=seed, habits=habits)

    from untilclick.app.loop import evaluation  # noqa: PLC0415  torch, once the settings are right

    evaluation.show_evaluation(terminal, evaluation.evaluate_model(settings, model, log, encoder, terminal, caution))


def export(
    context: typer.Context,
    model: Model,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="BUNDLE", envvar="UNTILCLICK_OUT", help="Folder to write.")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            "--models",
            metavar="FOLDER",
            envvar="UNTILCLICK_MODELS",
            help="A service's folder of versions to add the bundle to; the service does not activate it by itself.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="SRC",
            envvar="UNTILCLICK_DATA",
            help="Documents of the model, if they were moved since it was trained.",
        ),
    ] = None,
    quantization: Annotated[
        Literal["int8", "float32"],
        typer.Option(
            "--quantization",
            envvar="UNTILCLICK_QUANTIZATION",
            help="Weights in the bundle: int8 is small and fast, float32 equals the trained model.",
        ),
    ] = "int8",
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Export it also if held-out needs do not show that it is better.")
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Write a bundle, which a service loads without torch, from the last stage of a run or from one stage."""
    if out is None and models is None:
        raise UntilclickError("Name where to write the bundle: --out BUNDLE, --models FOLDER, or both")

    from untilclick.app.loop.exporting import ExportTarget, export_model  # noqa: PLC0415  torch reads the weights

    terminal = Terminal(as_json=as_json)
    with terminal.progress("Exporting"):
        exported = export_model(model, ExportTarget(out, models), quantization, data, anyway=anyway)
    version = exported.manifest.version
    terminal.line(f"{exported.folder}: version {version}, stage {exported.stage}, {quantization}")
    terminal.answer({"bundle": exported.folder, "stage": exported.stage, **asdict(exported.manifest)})
