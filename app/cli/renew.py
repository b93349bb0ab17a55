"""`untilclick renew`: a new version from the log, activated if it is better."""

from __future__ import annotations

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
    read_settings,
)
from untilclick.app.loop.renewal.config import RenewalConfig, RenewConfig
from untilclick.app.loop.renewal.service_client import ServiceClient
from untilclick.app.terminal.proof_lines import lines_of_proof
from untilclick.app.terminal.terminal import Terminal
from untilclick.rewriter.config import BaseConfig, PolicyConfig, WarmStartConfig
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.search.errors import UntilclickError

if TYPE_CHECKING:
    from untilclick.app.loop.renewal.renew import Renewal, RenewalOutcome

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
        help="Service that activates the version if it is better, http://HOST:PORT; without it, none is activated.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--admin-key-file",
        metavar="FILE",
        envvar="UNTILCLICK_ADMIN_KEY_FILE",
        help="File with the admin key of the service.",
    ),
]
SourceName = Annotated[
    Literal["live", "simulated"],
    typer.Option(
        "--source", envvar="UNTILCLICK_SOURCE", help="Train and compare on sessions of live or simulated visitors."
    ),
]
AnalysisOption = Annotated[
    Literal["active", "new"],
    typer.Option(
        "--analysis",
        envvar="UNTILCLICK_ANALYSIS",
        help="active: the new version reads text as the active one does; new: by the present analysis of the "
        "language.",
    ),
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
    out: RunFolder,
    data: Data = "stdlib",
    service: Service = None,
    admin_key_file: KeyFile = None,
    source: SourceName = "live",
    engine: Engine = "tantivy",
    language: Language = "auto",
    analysis: AnalysisOption = "active",
    encoder: Encoder = "auto",
    backend: Backend = "builtin",
    clauses: Clauses = 512,
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train a new version from the log, judge it, and activate what passes the gate.

    Versions are judged by nDCG@10 on information needs that they have not learned from. What was learned may answer
    if it is better beyond chance than what answers now. If it is not, an active version that has learned stays;
    otherwise the version trained on the documents alone may answer.
    """
    access = _service_client(service, admin_key_file)
    terminal = Terminal(as_json=as_json)
    settings = read_settings(context, overrides)
    renewal_config = RenewalConfig(
        data=data,
        log=log,
        models=models,
        out=out,
        engine=engine,
        seed=seed,
        source=source,
        policy=settings.stage(PolicyConfig, "policy", seed=seed),
        base=settings.stage(BaseConfig, "base", seed=seed),
        warm_start=settings.stage(WarmStartConfig, "warm_start", seed=seed),
        ppo=settings.stage(PPOConfig, "ppo", seed=seed),
        ppo_of_clicks=settings.stage(PPOConfig, "ppo", seed=seed, reward="hindsight"),
        backend=backend,
        analysis=analysis,
        language=language,
        encoder=encoder,
        clauses=clauses,
        simulated_sessions=settings.stage(RenewConfig, "renew").simulated_sessions,
    )

    from untilclick.app.loop.renewal.renew import renew_and_activate  # noqa: PLC0415  torch, for training

    outcome = renew_and_activate(renewal_config, access, terminal.progress)
    _show(terminal, outcome)
    if outcome.fault is not None:
        raise outcome.fault


def _service_client(service: str | None, key_file: Path | None) -> ServiceClient | None:
    """The service to call and its key, checked before the training. Raises UntilclickError."""
    if service is None:
        return None
    if key_file is None:
        raise UntilclickError("--service needs the admin key of the service: --admin-key-file FILE")
    client = ServiceClient(service, key_file)
    client.check()
    return client


def _show(terminal: Terminal, outcome: RenewalOutcome) -> None:
    renewal = outcome.renewal
    if renewal.note:
        terminal.line(f"Nothing was learned from the log: {renewal.note}.")
    if renewal.simulated_sessions is not None:
        terminal.line(renewal.simulated_sessions.sentence)
    if renewal.evidence is None:
        terminal.line(renewal.admission.sentences)
    else:
        for line in lines_of_proof(renewal.evidence, renewal.admission):
            terminal.line(line)
    terminal.line(_consequence(renewal, activated=outcome.activated))
    terminal.answer(outcome.record)


def _consequence(renewal: Renewal, *, activated: bool) -> str:
    """What answers from now on."""
    if not renewal.is_new:
        return f"Version {renewal.version} stays." if renewal.version else "Queries are searched as typed, as before."
    if activated:
        return f"Version {renewal.version} is now active."
    return f"Version {renewal.version}: POST /v1/models/{renewal.version}/activate activates it."
