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
    Engine,
    Language,
    LogUrl,
    Overrides,
    RunFolder,
    Seed,
    read_settings,
)
from untilclick.app.loop.renewal.config import RenewalConfig
from untilclick.app.loop.renewal.service_client import ServiceClient
from untilclick.app.terminal.terminal import Terminal
from untilclick.rewriter.config import BaseConfig, PolicyConfig, PPOConfig, WarmStartConfig
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
    backend: Backend = "builtin",
    clauses: Clauses = 512,
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train a new version from the log, compare it with the active version, and activate it if it is better.

    Versions are compared by nDCG@10 on information needs that no renewal trains on. A version is better if at least
    30 needs show it, by confidence interval and by significance test. With fewer than 200 sessions with a click, the
    version is trained on the documents alone.
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
        clauses=clauses,
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
    terminal.line(f"Version {renewal.version}, {_origin(renewal)}.")
    terminal.line(_judgement(renewal, activated=outcome.activated))
    terminal.answer(outcome.record)


def _origin(renewal: Renewal) -> str:
    sessions = f"{renewal.clicked_sessions:,} sessions with a click"
    if renewal.stage != "base":
        return f"trained on {sessions}"
    return f"trained on the documents alone ({renewal.note or f'{sessions} are too few'})"


def _judgement(renewal: Renewal, *, activated: bool) -> str:
    """The comparison with the active version, and what follows from it."""
    by_hand = f"POST /v1/models/{renewal.version}/activate activates it"
    comparison = renewal.comparison
    if comparison is None:
        return "It is the active version already."
    if not comparison.n:
        return f"No session that was kept for the comparison has a click; {by_hand}."
    low, high = comparison.ci95
    champion = renewal.champion or "the query as typed"
    figures = (
        f"{comparison.measure} on {comparison.n:,} needs of {renewal.judged_sessions:,} sessions that no renewal "
        f"trains on: {comparison.difference:+.4f} against {champion}, 95 % interval {low:+.4f} to {high:+.4f}, "
        f"p {comparison.p:.3f}."
    )
    if activated:
        return f"{figures} It is better and now active."
    if renewal.better:
        return f"{figures} It is better; {by_hand}."
    finding = "It is worse" if renewal.worse else "That may be chance"
    return f"{figures} {finding}: it is not activated."
