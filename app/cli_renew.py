"""`untilclick renew`: a new version from the log, which answers if it is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app.cli_options import AsJson, Config, Data, Engine, LogUrl, Overrides, Seed, given
from app.cli_train import Backend, Out
from search.errors import UntilclickError

if TYPE_CHECKING:
    from app.command_settings import Given
    from app.progress import Update
    from app.renewal import Renewal, RenewalConfig, TrainPPO
    from app.terminal import Terminal
    from rewriter.config import PPOConfig
    from rewriter.workbench import Workbench
    from search.records import Session

Models = Annotated[
    Path,
    typer.Option("--models", metavar="FOLDER", envvar="UNTILCLICK_MODELS", help="The service's folder of versions."),
]
Service = Annotated[
    str | None,
    typer.Option(
        "--service",
        metavar="URL",
        envvar="UNTILCLICK_SERVICE",
        help="The service that is to use the version if it is better, http://HOST:PORT; without it none is told.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--admin-key-file", metavar="FILE", envvar="UNTILCLICK_ADMIN_KEY_FILE", help="File with its admin key."
    ),
]
SourceName = Annotated[
    Literal["live", "simulated", "all"],
    typer.Option("--source", envvar="UNTILCLICK_SOURCE", help="Whose sessions are learned from and judged by."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: [b]untilclick renew --data documents.jsonl --log postgresql+psycopg://me@db/logs "
        "--models models --out runs/renewal --service http://localhost:8000 --admin-key-file key[/b]"
    )(renew)


def renew(
    context: typer.Context,
    log: LogUrl,
    models: Models,
    out: Out,
    data: Data = "stdlib",
    service: Service = None,
    admin_key_file: KeyFile = None,
    source: SourceName = "live",
    engine: Engine = "tantivy",
    backend: Backend = "builtin",
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train a new version from the log, judge it against the one that answers, and have it answer if it is better.

    Judged by nDCG@10 on sessions that no version learned from: better means that the 95 % interval of the difference
    lies above 0. With fewer than 200 sessions with a click the version knows the documents alone.
    """
    from app.renewal import renew as run
    from app.service_client import activate
    from app.terminal import Terminal
    from app.torch_setup import set_up_torch

    key = _admin_key(service, admin_key_file)
    terminal = Terminal(as_json=as_json)
    chosen = _config(given(context, overrides), (data, log, engine, seed), (models, out), source)
    train_ppo = _backend(backend)
    set_up_torch()
    renewal = run(chosen, terminal.progress, train_ppo)
    activated = renewal.better and service is not None
    if renewal.better and service is not None:
        activate(service, renewal.version, key)
    _tell(terminal, renewal, activated=activated)


def _admin_key(service: str | None, file: Path | None) -> str:
    """Read before anything long is begun."""
    from search.secret_files import read_secret

    if service is None:
        return ""
    if file is None:
        raise UntilclickError("A service is told with its admin key: --admin-key-file FILE")
    return read_secret(file)


def _config(
    settings: Given, options: tuple[str, str, str, int], folders: tuple[Path, Path], source: str
) -> RenewalConfig:
    from app.renewal import RenewalConfig
    from rewriter.config import BaseConfig, PolicyConfig, PPOConfig, WarmStartConfig

    (data, log, engine, seed), (models, out) = options, folders
    return RenewalConfig(
        data=data,
        log=log,
        models=models,
        out=out,
        engine=engine,
        seed=seed,
        source="live" if source == "live" else "simulated" if source == "simulated" else None,
        policy=settings.stage(PolicyConfig, "policy", seed=seed),
        base=settings.stage(BaseConfig, "base", seed=seed),
        warm_start=settings.stage(WarmStartConfig, "warm_start", seed=seed),
        ppo=settings.stage(PPOConfig, "ppo", seed=seed),
        ppo_of_clicks=settings.stage(PPOConfig, "ppo", seed=seed, reward="hindsight"),
    )


def _backend(name: str) -> TrainPPO:
    """PPO in the backend that was asked for. Raises MissingDependencyError where trlX is not installed."""
    if name == "trlx":
        from rewriter.trlx_stage import require_trlx

        require_trlx()

    def train(bench: Workbench, run: Path, sessions: Sequence[Session], config: PPOConfig, update: Update) -> None:
        from app.progress import steps
        from rewriter.stages import run_ppo

        if name == "trlx":
            from app.cli_train import ppo_in_trlx

            ppo_in_trlx(bench, run, sessions, config, resume=False)
        else:
            run_ppo(bench, run, sessions, config, steps(update))

    return train


def _tell(terminal: Terminal, renewal: Renewal, *, activated: bool) -> None:
    learned = (
        f"learned from {renewal.clicked_sessions:,} sessions with a click"
        if renewal.stage != "base"
        else f"from the documents alone ({renewal.clicked_sessions:,} sessions with a click are too few)"
    )
    terminal.line(f"Version {renewal.version}, {learned}.")
    terminal.line(_judgement(renewal, activated=activated))
    terminal.answer({**asdict(renewal), "activated": activated})


def _judgement(renewal: Renewal, *, activated: bool) -> str:
    """One sentence on how it compares, and one on what that means."""
    by_hand = f"POST /v1/models/{renewal.version}/activate has it answer"
    found = renewal.comparison
    if found is None:
        return "It is the version that answers already."
    if not found.n:
        return f"No kept session has a click to judge by; {by_hand}."
    low, high = found.ci95
    compared = (
        f"{found.measure} on {found.n:,} queries of {renewal.judged_sessions:,} sessions kept from every version: "
        f"{found.difference:+.4f} against {found.b}, 95 % interval {low:+.4f} to {high:+.4f}."
    )
    if activated:
        return f"{compared} It is better, and answers now."
    if renewal.better:
        return f"{compared} It is better; {by_hand}."
    return f"{compared} That may be chance: what answers goes on answering."
