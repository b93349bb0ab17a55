"""`untilclick train base|warm-start|ppo|offline|mean`: the training stages, each continuing the one before."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from untilclick.app.cli.options import AsJson, Config, Data, Engine, LogUrl, Overrides, Seed, given

if TYPE_CHECKING:
    from untilclick.app.settings.commands import Given
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.rewriter.config import RunConfig

Out = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", envvar="UNTILCLICK_OUT", help="Run folder; holds one folder per stage."),
]
Base = Annotated[
    str,
    typer.Option(
        "--base",
        metavar="corpus|T5",
        envvar="UNTILCLICK_BASE",
        help="A T5 over the collection's own words, or a pretrained one: folder or hub name, as google-t5/t5-small.",
    ),
]
Backend = Annotated[
    Literal["builtin", "trlx"],
    typer.Option("--backend", envvar="UNTILCLICK_BACKEND", help="Whose training loop runs."),
]
Method = Annotated[
    Literal["rwft", "ilql"],
    typer.Option(
        "--method",
        envvar="UNTILCLICK_METHOD",
        help="rwft: what was tried, weighted by its clicks. ilql: Q-learning, needs trlX.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--anew",
        help="Go on with an interrupted run of the same settings, or start over.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        name="train",
        no_args_is_help=True,
        help="Train the rewriter, stage by stage: base, then warm-start, then ppo; or offline from a log alone. "
        "A stage trained anew removes those of its run that went on from it.",
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
    app.add_typer(group)


def base(
    context: typer.Context,
    out: Out,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    base: Base = "corpus",
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Learn the collection's words from its documents alone. About a minute for a few thousand documents.

    With --base, a pretrained T5 learns what is asked of it; later stages go on with it by the same commands.
    """
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.terminal.progress import steps
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.rewriter.config import BaseConfig, PolicyConfig, RunConfig

    settings, terminal = given(context, overrides), Terminal(as_json=as_json)
    run = RunConfig(out, data, None, engine, seed)
    if base != "corpus":
        _report(terminal, _subword_base(settings, terminal, Path(base), run))
        return
    policy = settings.stage(PolicyConfig, "policy", seed=seed)
    stage = settings.stage(BaseConfig, "base", seed=seed)
    set_up_torch()
    from untilclick.rewriter.stages.base import BaseStage, main

    with terminal.progress("Base") as update:
        folder = main(BaseStage(run, policy, stage), progress=steps(update))
    _report(terminal, folder)


def _subword_base(settings: Given, terminal: Terminal, source: Path, run: RunConfig) -> Path:
    """Train the base from a pretrained T5."""
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.terminal.progress import steps
    from untilclick.rewriter.config import PolicyConfig
    from untilclick.rewriter.language.subword_settings import SUBWORD_STAGES, SubwordBaseConfig, SubwordConfig

    limits = settings.stage(PolicyConfig, "policy", ("min_document_frequency", "max_terms"))
    asked = settings.stage(SubwordConfig, "subword")
    stage = settings.stage(SubwordBaseConfig, "base", SUBWORD_STAGES.usable(SubwordBaseConfig), seed=run.seed)
    set_up_torch()
    from untilclick.rewriter.stages.subword_base import SubwordBaseStage, SubwordStart, main

    with terminal.progress("Base") as update:
        return main(SubwordBaseStage(run, SubwordStart(source, asked, limits), stage), progress=steps(update))


def warm_start(
    context: typer.Context,
    log: LogUrl,
    out: Out,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Learn from the log which words would have found what was finally clicked. Needs a trained base."""
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.terminal.progress import steps
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.rewriter.config import RunConfig
    from untilclick.rewriter.language.subword_settings import stage_configs

    settings, terminal = given(context, overrides), Terminal(as_json=as_json)
    configs = stage_configs(out / "base")
    stage = settings.stage(configs.warm_start, "warm_start", configs.usable(configs.warm_start), seed=seed)
    set_up_torch()
    from untilclick.rewriter.stages.warm_start import WarmStartStage, main

    with terminal.progress("Warm start") as update:
        folder = main(WarmStartStage(RunConfig(out, data, log, engine, seed), stage), progress=steps(update))
    _report(terminal, folder)


def ppo(
    context: typer.Context,
    log: LogUrl,
    out: Out,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    backend: Backend = "builtin",
    seed: Seed = 0,
    resume: Resume = True,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Learn by reinforcement, with clicks as reward. Needs a warm start; goes on with an interrupted run."""
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.terminal.progress import steps
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.rewriter.config import RunConfig
    from untilclick.rewriter.language.subword_settings import stage_configs

    if backend == "trlx":
        from untilclick.rewriter.stages.ppo_trlx import require_trlx

        require_trlx()
    settings, terminal = given(context, overrides), Terminal(as_json=as_json)
    configs = stage_configs(out / "warm_start")
    training = settings.stage(configs.ppo, "ppo", configs.usable(configs.ppo), seed=seed)
    set_up_torch()
    from untilclick.rewriter.stages.ppo import PPOStage, main

    stage = PPOStage(RunConfig(out, data, log, engine, seed), training, resume)
    if backend == "trlx":
        from untilclick.rewriter.stages import ppo_trlx

        with redirect_stdout(sys.stderr):  # trlX prints on stdout, where the answer for machines belongs
            folder = ppo_trlx.main(ppo_trlx.PPOTrlxStage.of(stage))
        if folder is None:  # not the main process of `torchrun`
            return
    else:
        with terminal.progress("PPO") as update:
            folder = main(stage, progress=steps(update))
    _report(terminal, folder)


def offline(
    context: typer.Context,
    log: LogUrl,
    out: Out,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    method: Method = "rwft",
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Learn from what people and the service tried and what was clicked then: the log alone, no simulator. Goes on
    from the warm start, or from the base where there is none."""
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.terminal.progress import steps
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.rewriter.config import OfflineConfig, RunConfig
    from untilclick.rewriter.flat_settings import setting_names

    if method == "ilql":
        from untilclick.rewriter.stages.ppo_trlx import require_trlx

        require_trlx("--method rwft")
    settings, terminal = given(context, overrides), Terminal(as_json=as_json)
    allowed = [name for name in setting_names(OfflineConfig) if name != "method"]
    stage = settings.stage(OfflineConfig, "offline", allowed, method=method, seed=seed)
    set_up_torch()
    from untilclick.rewriter.stages.offline import OfflineStage, main

    # trlX and what it brings print on stdout, where the answer for machines belongs.
    with redirect_stdout(sys.stderr), terminal.progress("Offline") as update:
        folder = main(OfflineStage(RunConfig(out, data, log, engine, seed), stage), progress=steps(update))
    _report(terminal, folder)


def mean(
    log: LogUrl,
    out: Out,
    of: Annotated[
        list[Path],
        typer.Option("--of", metavar="DIR", help="A run folder, or the folder of one stage; two or more times."),
    ],
    harm_limit: Annotated[
        float | None,
        typer.Option(
            "--harm-limit", min=0.0, max=1.0, help="Largest share of the held-out queries that the blend may harm."
        ),
    ] = None,
    data: Data = "stdlib",
    engine: Engine = "tantivy",
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Let models of several runs answer as one: the mean of models that differ in their seeds alone errs less than
    each. The log's held-out queries decide the blend."""
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.terminal.terminal import Terminal

    terminal = Terminal(as_json=as_json)
    set_up_torch()
    from untilclick.rewriter.config import EnsembleConfig, RunConfig
    from untilclick.rewriter.stages.ensemble import EnsembleStage, main

    members = EnsembleConfig(tuple(str(member) for member in of), harm_limit)
    folder = main(EnsembleStage(RunConfig(out, data, log, engine, seed), members))
    _report(terminal, folder)


def _report(terminal: Terminal, folder: Path) -> None:
    """Where the model is, and its figures on the validation queries."""
    from untilclick.rewriter.stages.record import read_stage

    record = read_stage(folder)
    terminal.line(f"{record.stage} is in {folder}")
    before, after = (record.figures.get(name, 0.0) for name in ("validation_ndcg_original", "validation_ndcg"))
    if before or after:
        terminal.line(f"Validation queries: nDCG@10 {before:.4f} as typed, {after:.4f} rewritten")
    terminal.answer({"folder": folder, "stage": record.stage, "figures": record.figures, "config": record.config})
