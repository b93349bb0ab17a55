"""The options that commands share, each with its environment variable, and the settings file behind `--config`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from untilclick.app.settings.commands import CommandSettings, SettingsFile, read_settings_file
from untilclick.rewriter.caution import Caution

_FILE = "untilclick.settings_file"
"""Key of the settings file among the notes of a parser context."""

EngineName = Literal["tantivy", "rank-bm25"]
ServiceEngineName = Literal["tantivy", "rank-bm25", "opensearch"]


def _use_file(context: typer.Context, path: Path | None) -> Path | None:
    """Make the options of a settings file the defaults of this command."""
    if path is not None and not context.resilient_parsing:
        root = context.find_root()
        file = read_settings_file(path, sorted(set(_option_names(root.command))))
        context.meta[_FILE] = file
        context.default_map = dict(file.options)
    return path


def _option_names(command: Any) -> Iterator[str]:  # noqa: ANN401  (the parser's classes are private)
    for parameter in command.params:
        if parameter.envvar:
            yield str(parameter.name)
    for child in getattr(command, "commands", {}).values():
        yield from _option_names(child)


def read_settings(context: typer.Context, overrides: list[str] | None) -> CommandSettings:
    """The settings that `--set`, the environment and the settings file give for the stages."""
    file = context.meta.get(_FILE)
    return CommandSettings.of(overrides or (), os.environ, file if isinstance(file, SettingsFile) else None)


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        envvar="UNTILCLICK_CONFIG",
        is_eager=True,
        callback=_use_file,
        help="TOML file with settings; options and UNTILCLICK_* variables take precedence.",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="TABLE.FIELD=VALUE",
        help="One setting of a stage or of the service, such as ppo.iterations=200; may be given several times.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; progress stays on stderr.")]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="SRC",
        envvar="UNTILCLICK_DATA",
        help="Documents: stdlib, a BEIR folder, a JSONL file, or ir_datasets:ID.",
    ),
]
Language = Annotated[
    str,
    typer.Option(
        "--language",
        metavar="CODE",
        envvar="UNTILCLICK_LANGUAGE",
        help="Language of the documents, such as en, de or ja; auto: it is guessed. Of several scripts: en-ru. With "
        "options: de+compounds, fr+accents.",
    ),
]
LogUrl = Annotated[
    str,
    typer.Option(
        "--log",
        metavar="URL",
        envvar="UNTILCLICK_LOG",
        help="Session log: a file, sqlite:///FILE, or postgresql+psycopg://...",
    ),
]
RunFolder = Annotated[
    Path,
    typer.Option(
        "--out", metavar="DIR", envvar="UNTILCLICK_OUT", help="Run folder; each stage has a folder inside it."
    ),
]
Engine = Annotated[EngineName, typer.Option("--engine", envvar="UNTILCLICK_ENGINE", help="BM25 engine.")]
ServiceEngine = Annotated[
    ServiceEngineName,
    typer.Option(
        "--engine",
        envvar="UNTILCLICK_ENGINE",
        help="BM25 engine. opensearch: a cluster, named by --set service.opensearch_url=URL.",
    ),
]
Encoder = Annotated[
    str,
    typer.Option(
        "--encoder",
        metavar="NAME",
        envvar="UNTILCLICK_ENCODER",
        help="Sentence encoder: minilm, static (word vectors), none, or the folder or hub id of a "
        "sentence-transformers model; auto: minilm if it can be had.",
    ),
]
Backend = Annotated[
    Literal["builtin", "trlx"],
    typer.Option("--backend", envvar="UNTILCLICK_BACKEND", help="Training loop: the built-in one, or that of trlX."),
]
TrainedCaution = Annotated[
    Caution,
    typer.Option(
        "--caution",
        envvar="UNTILCLICK_CAUTION",
        help="How much harm is accepted for gain; cautious: few queries are harmed, for a smaller gain.",
    ),
]
ServedCaution = Annotated[
    Caution | None,
    typer.Option(
        "--caution",
        envvar="UNTILCLICK_CAUTION",
        help="How much harm is accepted for gain; without it, as the training was told.",
    ),
]
Clauses = Annotated[
    int,
    typer.Option(
        "--clauses",
        min=8,
        envvar="UNTILCLICK_REWRITE_CLAUSES",
        help="Number of heaviest clauses of a rewritten query that are searched; give the service's own limit.",
    ),
]
SplitKeyFile = Annotated[
    Path | None,
    typer.Option(
        "--split-key",
        metavar="FILE",
        envvar="UNTILCLICK_SPLIT_KEY_FILE",
        help="File with the secret that decides which needs of the log judge; it is made if it is missing. Without "
        "it everybody can compute them, which is enough for simulated sessions.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, envvar="UNTILCLICK_SEED", help="Seed of all random numbers.")]
Sessions = Annotated[
    int, typer.Option("--sessions", min=1, envvar="UNTILCLICK_SESSIONS", help="Number of sessions to simulate.")
]
Host = Annotated[str, typer.Option("--host", envvar="UNTILCLICK_HOST", help="Address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, envvar="UNTILCLICK_PORT", help="Port to listen on.")]
