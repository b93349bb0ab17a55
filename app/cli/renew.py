"""`untilclick renew`: a new version from the log, which answers if it is better."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from untilclick.app.cli.options import AsJson, Config, Data, Engine, LogUrl, Overrides, Seed, given
from untilclick.app.cli.train import Backend, Out
from untilclick.search.errors import UntilclickError
from untilclick.search.files.secret_files import SecretFileError, read_secret

if TYPE_CHECKING:
    from untilclick.app.loop.renewal import Renewal, RenewalConfig
    from untilclick.app.settings.commands import Given
    from untilclick.app.terminal.terminal import Terminal
    from untilclick.search.records import Source

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
    Literal["live", "simulated"],
    typer.Option("--source", envvar="UNTILCLICK_SOURCE", help="Whose sessions are learned from and judged by."),
]
Clauses = Annotated[
    int,
    typer.Option(
        "--clauses",
        min=8,
        envvar="UNTILCLICK_REWRITE_CLAUSES",
        help="Heaviest clauses of a rewritten query that the service searches; versions are judged by as many.",
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
    out: Out,
    data: Data = "stdlib",
    service: Service = None,
    admin_key_file: KeyFile = None,
    source: SourceName = "live",
    engine: Engine = "tantivy",
    backend: Backend = "builtin",
    clauses: Clauses = 512,
    seed: Seed = 0,
    config: Config = None,
    overrides: Overrides = None,
    as_json: AsJson = False,
) -> None:
    """Train a new version from the log, judge it against the one that answers, and have it answer if it is better.

    Judged by nDCG@10 on needs that renewals keep from every version: better means on 30 needs or more, by interval
    and by test. With fewer than 200 sessions to learn from the version knows the documents alone.
    """
    from untilclick.app.cli.torch_setup import set_up_torch
    from untilclick.app.loop.renewal import record
    from untilclick.app.loop.renewal import renew as run
    from untilclick.app.loop.service_client import ServiceCallError, activate
    from untilclick.app.terminal.terminal import Terminal

    _admin_key(service, admin_key_file)
    terminal = Terminal(as_json=as_json)
    settings = given(context, overrides)
    chosen = _config(settings, _Chosen(data, log, engine, seed, models, out, source, backend, clauses))
    set_up_torch()
    renewal = run(chosen, terminal.progress)
    fault = None
    if renewal.better and service is not None:
        try:  # key and version may have been replaced meanwhile
            _check_champion(models, renewal.champion)
            activate(service, renewal.version, _admin_key(service, admin_key_file))
        except (ServiceCallError, SecretFileError, OtherChampionError) as error:
            fault = error
    activated = renewal.better and service is not None and fault is None
    _tell(terminal, renewal, record(renewal, out, activated=activated))
    if fault is not None:
        raise fault


class OtherChampionError(UntilclickError):
    """Another version answers than the one that the new one was judged against."""


def _check_champion(models: Path, judged: str | None) -> None:
    from untilclick.app.versions.store import ModelStore

    answers = ModelStore(models).state.active
    if answers != judged:
        raise OtherChampionError(
            f"{answers or 'No version'} answers now, and the new version was judged against {judged or 'none'}: "
            "it is not activated. Renew again, or activate it yourself"
        )


def _admin_key(service: str | None, file: Path | None) -> str:
    """The key, fit to be sent; read before anything long is begun. Raises UntilclickError."""
    from untilclick.app.loop.service_client import check_call

    if service is None:
        return ""
    if file is None:
        raise UntilclickError("A service is told with its admin key: --admin-key-file FILE")
    key = read_secret(file)
    check_call(service, key)
    return key


@dataclass(frozen=True)
class _Chosen:
    """The options of one call."""

    data: str
    log: str
    engine: str
    seed: int
    models: Path
    out: Path
    source: Source
    backend: Backend
    clauses: int


def _config(settings: Given, chosen: _Chosen) -> RenewalConfig:
    from untilclick.app.loop.renewal import RenewalConfig
    from untilclick.rewriter.config import BaseConfig, PolicyConfig, PPOConfig, WarmStartConfig

    seed = chosen.seed
    return RenewalConfig(
        **vars(chosen),
        policy=settings.stage(PolicyConfig, "policy", seed=seed),
        base=settings.stage(BaseConfig, "base", seed=seed),
        warm_start=settings.stage(WarmStartConfig, "warm_start", seed=seed),
        ppo=settings.stage(PPOConfig, "ppo", seed=seed),
        ppo_of_clicks=settings.stage(PPOConfig, "ppo", seed=seed, reward="hindsight"),
    )


def _tell(terminal: Terminal, renewal: Renewal, recorded: dict[str, object]) -> None:
    terminal.line(f"Version {renewal.version}, {_origin(renewal)}.")
    terminal.line(_judgement(renewal, activated=bool(recorded["activated"])))
    terminal.answer(recorded)


def _origin(renewal: Renewal) -> str:
    sessions = f"{renewal.clicked_sessions:,} sessions with a click"
    if renewal.stage != "base":
        return f"learned from {sessions}"
    return f"from the documents alone ({renewal.note or f'{sessions} are too few'})"


def _judgement(renewal: Renewal, *, activated: bool) -> str:
    """What was found, and what that means."""
    by_hand = f"POST /v1/models/{renewal.version}/activate has it answer"
    found = renewal.comparison
    if found is None:
        return "It is the version that answers already."
    if not found.n:
        return f"No kept session has a click to judge by; {by_hand}."
    low, high = found.ci95
    compared = (
        f"{found.measure} on {found.n:,} needs of {renewal.judged_sessions:,} sessions that renewals keep apart: "
        f"{found.difference:+.4f} against {found.b}, 95 % interval {low:+.4f} to {high:+.4f}, p {found.p:.3f}."
    )
    if activated:
        return f"{compared} It is better, and answers now."
    if renewal.better:
        return f"{compared} It is better; {by_hand}."
    kept = "what answers goes on answering."
    return f"{compared} It is worse: {kept}" if renewal.worse else f"{compared} That may be chance: {kept}"
