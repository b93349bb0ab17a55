r"""`python -m untilclick.rewriter.stages.train_trlx`: PPO of the rewriter in trlX, configured like trlX's scripts.

    python -m untilclick.rewriter.stages.train_trlx --data stdlib --log runs/log.db --out runs/mine \
        '{"train.seed": 2, "method.init_kl_coef": 0.1}'

The KL weight of this example is eight times the default of .0125; it keeps the model close to its warm start.

On several processes:

    ACCELERATE_USE_CPU=true OMP_NUM_THREADS=1 torchrun --nproc_per_node 2 \
        -m untilclick.rewriter.stages.train_trlx --data stdlib --log-url runs/log.db --out runs/mine
    CONFIGS=$(python -c "import untilclick.rewriter as r; print(r.__path__[0])")/configs
    accelerate launch --config_file $CONFIGS/zero2.yaml -m untilclick.rewriter.stages.train_trlx ...

Without a GPU, DeepSpeed needs DS_ACCELERATOR=cpu in front of its command.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.flat_settings import present
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.search.errors import UntilclickError

if TYPE_CHECKING:
    from trlx.data.configs import TRLConfig

OverridesJson = Annotated[
    str, typer.Argument(metavar="JSON", help="Options by dotted name, as in trlX's own scripts.", show_default=False)
]


def main(
    out: Annotated[Path, typer.Option(help="Run folder with a trained warm start.")],
    log: Annotated[
        str,
        typer.Option(
            "--log",
            "--log-url",
            help="Session log. Use --log-url under `torchrun`, which has an option --log of its own.",
        ),
    ],
    overrides: OverridesJson = "{}",
    data: Annotated[str, typer.Option(help="Collection the log belongs to.")] = "stdlib",
    engine: Annotated[str, typer.Option(help="Engine whose ranking formula the rewards use.")] = "tantivy",
    seed: Annotated[
        int, typer.Option(help="Seed of topics made from documents, and of training without `train.seed`.")
    ] = 0,
    config: Annotated[
        Path | None, typer.Option(help="trlX configuration, YAML; may contain only some of the options.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--anew", help="Continue from the newest checkpoint, or start anew.")
    ] = True,
) -> None:
    """Train the warm start of a run by PPO in trlX. Every process of `torchrun` calls this."""
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
    """The defaults, overwritten by the file, overwritten by the overrides. Raises UntilclickError for a file or
    overrides that cannot be read, for unknown options and for `train.epochs`, which `train.total_steps` decides."""
    from untilclick.rewriter.stages.ppo_trlx import require_trlx

    require_trlx()
    from untilclick.rewriter.stages.record import TRLX_CHECKPOINTS, WARM_START
    from untilclick.rewriter.trlx.config import trlx_config

    settings = trlx_config(PPOConfig(seed=seed), out / WARM_START, out / TRLX_CHECKPOINTS)
    for source, options in (("the configuration", _read_yaml(path)), ("the overrides", _read_json(overrides))):
        sections = _sections(options)
        if isinstance(method := sections.get("method"), dict):
            sections["method"] = present(method)
        _check_names(sections, settings.to_dict(), source)
        settings = settings.evolve(**sections)
    return settings


def _sections(options: dict[str, Any]) -> dict[str, Any]:  # Any: options are of every type
    """Options by section: `{"train.seed": 2}` and `{"train": {"seed": 2}}` mean the same. Raises UntilclickError for
    a name that has a value as well as options below it."""
    nested: dict[str, Any] = {}
    for dotted, value in options.items():
        *sections, name = str(dotted).split(".")
        section_options = nested
        for section in sections:
            section_options = section_options.setdefault(section, {})
            if not isinstance(section_options, dict):
                raise UntilclickError(
                    f"{section} has a value as well as options below it ({dotted}); give one of them"
                )
        if isinstance(value, dict) and isinstance(section_options.get(name), dict):
            section_options[name].update(_sections(value))
        else:
            section_options[name] = _sections(value) if isinstance(value, dict) else value
    return nested


def _check_names(sections: dict[str, Any], valid_options: dict[str, Any], source: str) -> None:
    """Raises UntilclickError for unknown sections and options; names inside `kwargs` are free."""
    for section, options in sections.items():
        names = options if isinstance(options, dict) else {"": options}
        for name in names:
            dotted = f"{section}.{name}".rstrip(".")
            if not isinstance(options, dict) or name not in valid_options.get(section, {}):
                raise UntilclickError(f"{dotted} in {source} is not an option of this trainer's trlX configuration")
            if dotted == "train.epochs":
                raise UntilclickError(
                    f"{dotted} in {source}: train.total_steps decides the rounds; give that instead"
                )


def _read_yaml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        options = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UntilclickError(f"{path} cannot be read as YAML ({error})") from error
    if not isinstance(options, dict):
        raise UntilclickError(f"{path} holds no options; give sections such as `method:` and `train:`")
    return options


def _read_json(text: str) -> dict[str, Any]:
    try:
        options = json.loads(text)
    except ValueError as error:
        raise UntilclickError(f"The overrides are not JSON ({error}): {text}") from error
    if not isinstance(options, dict):
        raise UntilclickError('The overrides are not a JSON object; give one such as {"train.seed": 2}')
    return options


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    typer.run(main)
