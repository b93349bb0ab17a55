"""`untilclick evaluate` and `untilclick export`: what a trained model is worth, and the bundle that is served."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from untilclick.app.cli.demo import EVALUATE_FIELDS
from untilclick.app.cli.options import AsJson, Config, Data, Engine, Overrides, Seed, given
from untilclick.search.errors import UntilclickError

if TYPE_CHECKING:
    from untilclick.rewriter.evaluation.evaluate import EvaluateConfig
    from untilclick.search.log.session_log import SessionLog

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
        help="Session log of needs that are not held out: adds the query that most often came next as a rival.",
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
    model: Model,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", envvar="UNTILCLICK_OUT", help="Folder for results and report.")
    ],
    data: Data = "stdlib",
    split: Annotated[
        str, typer.Option("--split", envvar="UNTILCLICK_SPLIT", help="Held-out topics to evaluate on.")
    ] = "dev",
    engine: Engine = "tantivy",
    log: Log = None,
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Compare a trained model with BM25, cheaper remedies and an oracle on held-out topics.

    The remedies are feedback, spelling correction, the session's earlier queries, what a log and judgments say by
    counting, and a better-set BM25.
    """
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.loop.evaluation import evaluate as run
    from untilclick.app.loop.trained_systems import TrainedSystems
    from untilclick.app.terminal.evaluation_tables import differences_table, finding, remarks, systems_table
    from untilclick.app.terminal.terminal import Terminal, escape
    from untilclick.rewriter.evaluation.evaluate import EvaluateConfig

    terminal = Terminal(as_json=as_json)
    stage = given(context, overrides).stage(EvaluateConfig, "evaluate", EVALUATE_FIELDS)
    stage = replace(stage, data=data, split=split, engine=engine, out=out, seed=seed)
    set_up_torch()
    systems = TrainedSystems.of(model)
    with terminal.progress("Evaluating") as update, _opened(log) as sessions:
        found = run(stage, systems, log=sessions, settings={"model": str(model)}, progress=update)
        _save_settings(stage, model, sessions.url if sessions else None)
    terminal.table(systems_table(found.results))
    terminal.line()
    if differences := differences_table(found.results):
        terminal.table(differences)
        terminal.line()
    terminal.line(f"[bold]{escape(finding(found.results))}[/bold]")
    if about := remarks(found.results):
        terminal.line(escape(about))
    terminal.line(f"Report: {escape(str(found.report))}")
    terminal.answer({**json.loads((out / "results.json").read_text(encoding="utf-8")), "report": found.report})


def _opened(log: str | None) -> AbstractContextManager[SessionLog | None]:
    """An existing log, or None where none is named. Raises LogError for a missing one."""
    from untilclick.search.log.session_log import SessionLog

    return nullcontext() if log is None else SessionLog.open(log, create=False)


def _save_settings(config: EvaluateConfig, model: Path, log: str | None) -> None:
    from untilclick.search.files.whole_files import whole_file

    with whole_file(config.out / "settings.json") as file:
        json.dump({**asdict(config), "model": model, "log": log}, file, indent=1, default=str)


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
            help="A service's folder of versions, to add it to; the service activates it when told to.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="SRC",
            envvar="UNTILCLICK_DATA",
            help="Its documents, where they are no longer in place.",
        ),
    ] = None,
    quantization: Annotated[
        Literal["int8", "float32"],
        typer.Option("--quantization", envvar="UNTILCLICK_QUANTIZATION", help="int8 is small and fast."),
    ] = "int8",
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Make the bundle that is served without torch from the last stage of a run, or from one stage."""
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.terminal.terminal import Terminal

    if out is None and models is None:
        raise UntilclickError("Say where to: --out BUNDLE, --models FOLDER, or both")
    terminal = Terminal(as_json=as_json)
    set_up_torch()
    from untilclick.app.versions.store import ModelStore
    from untilclick.rewriter.serving.bundle import read_manifest
    from untilclick.rewriter.stages import export as stage
    from untilclick.rewriter.stages.record import latest_stage, read_stage

    folder = latest_stage(model)
    record = read_stage(folder)
    with terminal.progress("Exporting"), TemporaryDirectory() as made:
        bundle = out or Path(made) / "bundle"
        stage.main(stage.ExportConfig(folder, bundle, quantization, data))
        manifest = read_manifest(bundle)
        if models is not None:
            bundle = ModelStore(models).folder_of(ModelStore(models).add(bundle))
    terminal.line(f"{bundle}: version {manifest.version}, stage {record.stage}, {quantization}")
    terminal.answer({"bundle": bundle, "stage": record.stage, **asdict(manifest)})
