r"""`python -m untilclick.rewriter.stages.train_trlx`: PPO of the rewriter in trlX, configured as trlX scripts are.

    python -m untilclick.rewriter.stages.train_trlx --data stdlib --log runs/log.db --out runs/mine \
        '{"train.seed": 2, "method.init_kl_coef": 0.1}'

(The KL weight of this example is eight times the default, .0125: the model then stays close to its warm start.)

On several processes:

    ACCELERATE_USE_CPU=true OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 \
        -m untilclick.rewriter.stages.train_trlx --data stdlib --log-url runs/log.db --out runs/mine
    CONFIGS=$(python -c "import untilclick.rewriter as r; print(r.__path__[0])")/configs
    accelerate launch --config_file $CONFIGS/zero2.yaml -m untilclick.rewriter.stages.train_trlx ...

Without a GPU, DeepSpeed wants DS_ACCELERATOR=cpu before its command.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from untilclick.rewriter.config import PPOConfig, RunConfig
from untilclick.search.errors import UntilclickError

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
    seed: Annotated[
        int, typer.Option(help="Topics made from the documents, and training unless `train.seed` is given.")
    ] = 0,
    config: Annotated[Path | None, typer.Option(help="trlX configuration, YAML; may name some options only.")] = None,
    resume: Annotated[bool, typer.Option("--resume/--anew", help="Go on from the newest checkpoint.")] = True,
) -> None:
    """Train the warm start of a run by PPO in trlX; every process of `torchrun` calls this."""
    try:
        settings = _settings(out, config, overrides, seed)
        folder = _train(RunConfig(out, data, log, engine, seed), settings, resume=resume)
    except UntilclickError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(2) from None
    if folder is not None:
        typer.echo(folder)


def _train(run: RunConfig, config: TRLConfig, *, resume: bool) -> Path | None:
    from untilclick.rewriter.stages import ppo_trlx

    return ppo_trlx.main(ppo_trlx.PPOTrlxStage(run, config, resume))


def _settings(out: Path, path: Path | None, overrides: str, seed: int) -> TRLConfig:
    """Defaults, then the file, then the overrides. Raises UntilclickError for a file or overrides that cannot be
    read, for unknown options and for `train.epochs`, which follows from `train.total_steps`."""
    from untilclick.rewriter.stages.ppo_trlx import require_trlx

    require_trlx()
    from untilclick.rewriter.stages.record import TRLX_CHECKPOINTS, WARM_START
    from untilclick.rewriter.trlx.config import trlx_config

    settings = trlx_config(PPOConfig(seed=seed), out / WARM_START, out / TRLX_CHECKPOINTS)
    for source, given in (("the configuration", _read_yaml(path)), ("the overrides", _read_json(overrides))):
        nested = _nested(given)
        _check_names(nested, settings.to_dict(), source)
        settings = settings.evolve(**nested)
    return settings


def _nested(given: dict[str, Any]) -> dict[str, Any]:  # Any: options are of every type
    """Options by section: `{"train.seed": 2}` and `{"train": {"seed": 2}}` say the same.
    Raises UntilclickError for a name that has both a value and options of its own."""
    nested: dict[str, Any] = {}
    for dotted, value in given.items():
        *sections, name = str(dotted).split(".")
        place = nested
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise UntilclickError(
                    f"{section} is given a value and options of its own ({dotted}); give one of them"
                )
        if isinstance(value, dict) and isinstance(place.get(name), dict):
            place[name].update(_nested(value))
        else:
            place[name] = _nested(value) if isinstance(value, dict) else value
    return nested


def _check_names(given: dict[str, Any], known: dict[str, Any], source: str) -> None:
    """Raises UntilclickError for sections and options that there are not; what stands in `kwargs` is free."""
    for section, options in given.items():
        names = options if isinstance(options, dict) else {"": options}
        for name in names:
            dotted = f"{section}.{name}".rstrip(".")
            if not isinstance(options, dict) or name not in known.get(section, {}):
                raise UntilclickError(f"{dotted} in {source} is no option of trlX's configuration of this trainer")
            if dotted == "train.epochs":
                raise UntilclickError(
                    f"{dotted} in {source}: rounds follow from train.total_steps; give that instead"
                )


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
