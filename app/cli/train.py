"""`untilclick train base|warm-start|ppo|offline|mean|final`: the training stages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from untilclick.app.cli.options import (
    AsJson,
    Backend,
    Clauses,
    Config,
    Data,
    Encoder,
    Engine,
    Language,
    LogUrl,
    Overrides,
    RunFolder,
    Seed,
    SplitKeyFile,
    TrainedCaution,
    read_settings,
)
from untilclick.app.terminal.terminal import Terminal
from untilclick.rewriter.config import BaseConfig, EnsembleConfig, PolicyConfig, RunConfig
from untilclick.rewriter.flat_settings import grouped, setting_names
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.language.subword_settings import (
    SUBWORD_STAGES,
    SubwordBaseConfig,
    SubwordConfig,
    stage_configs,
)
from untilclick.rewriter.offline_config import OfflineConfig

if TYPE_CHECKING:
    from untilclick.app.loop.training import Training

Base = Annotated[
    str,
    typer.Option(
        "--base",
        metavar="corpus|T5",
        envvar="UNTILCLICK_BASE",
        help="corpus: a T5 over the words of the collection. Otherwise a pretrained T5: a folder, or a hub name such "
        "as google-t5/t5-small.",
    ),
]
Method = Annotated[
    Literal["rwft", "ilql"],
    typer.Option(
        "--method",
        envvar="UNTILCLICK_METHOD",
        help="rwft: supervised on logged rewrites, weighted by their clicks. ilql: Q-learning, needs trlX.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option("--resume/--anew", help="Continue an interrupted run of the same settings, or start over."),
]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        name="train",
        no_args_is_help=True,
        help="Train the rewriter in stages: base, warm-start, ppo, final. Or base and offline, from a log alone. "
        "Training a stage again removes the later stages of its run, which started from the replaced model.",
        epilog="Example: [b]untilclick train base --data stdlib --out runs/mine[/b]",
    )
    group.command(epilog="Example: [b]untilclick train base --data stdlib --out runs/mine[/b]")(base)
    group.command(
        "warm-start",
        epilog="Example: [b]untilclick train warm-start --data stdlib --log runs/log.db --out runs/mine[/b]",
    )(warm_start)
    group.command(
        epilog="Example: [b]untilclick train ppo --data stdlib --log runs/log.db --out runs/mine "
        "--set ppo.iterations=200[/b]"
    )(ppo)
    group.command(
        epilog="Example: [b]untilclick train offline --data stdlib --log runs/log.db --out runs/mine "
        "--method rwft[/b]",
    )(offline)
    group.command(
        epilog="Example: [b]untilclick train mean --of runs/one --of runs/two --data stdlib --log runs/log.db "
        "--out runs/both[/b]",
    )(mean)
    group.command(epilog="Example: [b]untilclick train final --data stdlib --log runs/log.db --out runs/mine[/b]")(
        final
    )
    app.add_typer(group)


def _training(run: RunConfig, *, as_json: bool) -> Training:
    """The stages of a run. Call it after the settings were read: a mistake in them is then answered at once."""
    from untilclick.app.loop.training import Training  # noqa: PLC0415  torch takes seconds, and may be missing

    return Training(run, Terminal(as_json=as_json))


def base(
    context: typer.Context,
    out: RunFolder,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    base: Base = "corpus",
    seed: Seed = 0,
    language: Language = "auto",
    encoder: Encoder = "auto",
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train the base model on the documents alone. Takes about a minute for a few thousand documents.

    With --base, a pretrained T5 is trained instead; the later stages continue from it with the same commands.
    """
    run, settings = RunConfig(out, data, None, engine, seed, language, encoder), read_settings(context, overrides)
    if base == "corpus":
        policy = settings.stage(PolicyConfig, "policy", seed=seed)
        stage = settings.stage(BaseConfig, "base", seed=seed)
        _training(run, as_json=as_json).base(policy, stage)
    else:
        limits = settings.stage(PolicyConfig, "policy", ("min_document_frequency", "max_terms"))
        subword = settings.stage(SubwordConfig, "subword")
        usable = SUBWORD_STAGES.usable(SubwordBaseConfig)
        stage = settings.stage(SubwordBaseConfig, "base", usable, seed=seed)
        _training(run, as_json=as_json).subword_base(Path(base), subword, limits, stage)


def warm_start(
    context: typer.Context,
    log: LogUrl,
    out: RunFolder,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    seed: Seed = 0,
    split_key: SplitKeyFile = None,
    caution: TrainedCaution = "balanced",
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train on the log: which terms would have found the document that was finally clicked. Needs a trained base."""
    configs = stage_configs(out / "base")
    usable = configs.usable(configs.warm_start)
    stage = read_settings(context, overrides).stage(
        configs.warm_start, "warm_start", usable, seed=seed, caution=caution
    )
    _training(_run_of(out, data, log, engine, seed, split_key), as_json=as_json).warm_start(stage)


def ppo(
    context: typer.Context,
    log: LogUrl,
    out: RunFolder,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    backend: Backend = "builtin",
    seed: Seed = 0,
    split_key: SplitKeyFile = None,
    resume: Resume = True,
    caution: TrainedCaution = "balanced",
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train by reinforcement learning with clicks as the reward. Needs a warm start; continues an interrupted run."""
    configs = stage_configs(out / "warm_start")
    usable = configs.usable(configs.ppo)
    stage = read_settings(context, overrides).stage(configs.ppo, "ppo", usable, seed=seed, caution=caution)
    _training(_run_of(out, data, log, engine, seed, split_key), as_json=as_json).ppo(
        stage, resume=resume, backend=backend
    )


def offline(
    context: typer.Context,
    log: LogUrl,
    out: RunFolder,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    method: Method = "rwft",
    seed: Seed = 0,
    split_key: SplitKeyFile = None,
    caution: TrainedCaution = "balanced",
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train on the log alone, without a simulator: on the queries that visitors and the service tried and the clicks
    that followed. Starts from the warm start, or from the base if there is none."""
    allowed = [name for name in setting_names(OfflineConfig) if name != "method"]
    settings = read_settings(context, overrides)
    stage = settings.stage(OfflineConfig, "offline", allowed, method=method, seed=seed, caution=caution)
    _training(_run_of(out, data, log, engine, seed, split_key), as_json=as_json).offline(stage)


def mean(
    log: LogUrl,
    out: RunFolder,
    of: Annotated[
        list[Path],
        typer.Option("--of", metavar="DIR", help="A run folder, or the folder of one stage; give two or more."),
    ],
    caution: TrainedCaution = "balanced",
    harm_limit: Annotated[float | None, typer.Option("--harm-limit", min=0.0, max=1.0, hidden=True)] = None,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    seed: Seed = 0,
    split_key: SplitKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Combine models of several runs into one rewriter that averages their predictions.

    The mean of models that differ only in their seeds makes fewer errors than any of them. The held-out queries of
    the log choose how much weight the rewrite gets beside the query as typed.
    """
    settings: dict[str, object] = {"members": tuple(str(member) for member in of), "caution": caution}
    if harm_limit is not None:
        settings["harm_limit"] = harm_limit
    members = grouped(EnsembleConfig, settings)
    _training(_run_of(out, data, log, engine, seed, split_key), as_json=as_json).mean(members)


def final(
    log: LogUrl,
    out: RunFolder,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    clauses: Clauses = 512,
    seed: Seed = 0,
    split_key: SplitKeyFile = None,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Use what was learned also if nothing shows that it is better.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Judge the last stage on needs of the log that it has not learned from, and refit it on the whole log if it is
    better than the untrained rewriter. Otherwise the untrained rewriter is what `untilclick export` takes."""
    run = _run_of(out, data, log, engine, seed, split_key)
    _training(run, as_json=as_json).final(clauses=clauses, anyway=anyway)


def _run_of(out: Path, data: str, log: str, engine: str, seed: int, key: Path | None) -> RunConfig:
    """The run of a stage that reads a log."""
    run = RunConfig(out, data, log, engine, seed)
    return run if key is None else replace(run, split_key=SplitKey.of_file(key))
