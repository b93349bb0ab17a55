r"""`python -m rewriter.train_trlx`: PPO of the rewriter in trlX, configured as trlX scripts are.

    python -m rewriter.train_trlx --data stdlib --log runs/log.db --out runs/mine \
        '{"train.seed": 2, "method.init_kl_coef": 0.1}'

On several processes:

    ACCELERATE_USE_CPU=true OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 \
        -m rewriter.train_trlx --data stdlib --log-url runs/log.db --out runs/mine
    accelerate launch --config_file rewriter/configs/zero2.yaml -m rewriter.train_trlx ...
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from search.errors import UntilclickError

if TYPE_CHECKING:
    from trlx.data.configs import TRLConfig

OverridesJson = Annotated[
    str, typer.Argument(metavar="JSON", help="Options by dotted name, as in trlX's own scripts.", show_default=False)
]


def main(
    out: Annotated[Path, typer.Option(help="Run folder with a trained warm start.")],
    log: Annotated[
        str, typer.Option("--log", "--log-url", help="Session log; `torchrun` takes --log for an option of its own.")
    ],
    overrides: OverridesJson = "{}",
    data: Annotated[str, typer.Option(help="Collection the log belongs to.")] = "stdlib",
    engine: Annotated[str, typer.Option(help="Engine whose ranking the rewards follow.")] = "tantivy",
    config: Annotated[Path | None, typer.Option(help="trlX configuration, YAML; may name some options only.")] = None,
    resume: Annotated[bool, typer.Option("--resume/--anew", help="Go on from the newest checkpoint.")] = True,
) -> None:
    """Train the warm start of a run by PPO in trlX; every process of `torchrun` calls this."""
    try:
        _train(out, log, data, engine, _settings(out, config, overrides), resume=resume)
    except UntilclickError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None


def _train(out: Path, log: str, data: str, engine: str, config: TRLConfig, *, resume: bool) -> None:
    from rewriter.trlx_stage import run_ppo_trlx
    from rewriter.workbench import Workbench
    from search.session_log import SessionLog

    with SessionLog.open(log, create=False) as opened:
        folder = run_ppo_trlx(Workbench.open(data, engine), out, opened.sessions(), config, resume=resume)
    if folder is not None:
        typer.echo(folder)


def _settings(out: Path, path: Path | None, overrides: str) -> TRLConfig:
    """Defaults, then the file, then the overrides. Raises UntilclickError for a file or overrides that cannot be
    read and for unknown options."""
    from rewriter.trlx_stage import require_trlx

    require_trlx()
    from trlx.data.configs import TRLConfig

    from rewriter.config import PPOConfig
    from rewriter.stage_record import TRLX_CHECKPOINTS, WARM_START
    from rewriter.trlx_config import trlx_config

    settings = trlx_config(PPOConfig(), out / WARM_START, out / TRLX_CHECKPOINTS)
    for source, given in (("the configuration", _read_yaml(path)), ("the overrides", _read_json(overrides))):
        unknown = sorted(_names(given) - _names(settings.to_dict()))
        if unknown:
            raise UntilclickError(f"{unknown[0]} in {source} is no option of trlX's configuration of this trainer")
        settings = TRLConfig.update(settings.to_dict(), given)
    return settings


def _names(options: dict[str, Any], prefix: str = "") -> set[str]:  # Any: options are of every type
    """Dotted names, one level below the sections: what stands in `kwargs` is the library's."""
    found: set[str] = set()
    for name, value in options.items():
        dotted = f"{prefix}{name}"
        if isinstance(value, dict) and not prefix:
            found |= _names(value, f"{dotted}.")
        else:
            found.add(".".join(dotted.split(".")[:2]))
    return found


def _read_yaml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UntilclickError(f"{path} cannot be read as YAML ({error})") from error
    if not isinstance(read, dict):
        raise UntilclickError(f"{path} holds no options; give sections such as `method:` and `train:`")
    return read


def _read_json(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except ValueError as error:
        raise UntilclickError(f"The overrides are not JSON ({error}): {text}") from error
    if not isinstance(read, dict):
        raise UntilclickError('The overrides are no JSON object; give one such as {"train.seed": 2}')
    return read


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    typer.run(main)
