"""The options of a training in trlX that `stage.json` does not have, in a file beside it, so that the training can be
repeated: any optimiser, any schedule, and sizes in sequences and optimiser steps.

The file holds sections of trlX's configuration, as `train_trlx --config` reads them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from untilclick.rewriter.flat_settings import changed
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.search.errors import ModelError

if TYPE_CHECKING:
    from trlx.data.configs import TRLConfig

FILE = "trlx.json"
OPTIONS = {
    "optimizer": ("name", "kwargs"),
    "scheduler": ("name", "kwargs"),
    "method": ("num_rollouts",),
    "train": ("batch_size", "minibatch_size", "seq_length", "total_steps", "eval_interval", "checkpoint_interval"),
}
"""Section -> the options that are stored."""


def write_options(config: TRLConfig, folder: Path) -> None:
    """Write the options of a training into the folder of its stage."""
    options = {
        section: {name: getattr(getattr(config, section), name) for name in names}
        for section, names in OPTIONS.items()
    }
    (folder / FILE).write_text(json.dumps(options, indent=1, default=str), encoding="utf-8")


def repeated(settings: PPOConfig, options: Path, model: Path, checkpoints: Path) -> TRLConfig:
    """The configuration of a training with these settings and the options in the folder `options` of a stage; of a
    stage of an earlier version, which has no such file, with the settings alone. It starts from the model folder
    `model`. Raises ModelError for a damaged file, UntilclickError as `trlx_config`."""
    from untilclick.rewriter.trlx.config import trlx_config

    sections = _read(options / FILE)
    if sections is None:
        return trlx_config(settings, model, checkpoints)
    whole = changed(settings, micro_batches=1)  # the file has the size of the micro-batches
    return trlx_config(whole, model, checkpoints).evolve(**sections)


def _read(path: Path) -> dict[str, Any] | None:  # Any: options are of every type
    """The sections in a file; None without the file."""
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {section: {name: content[section][name] for name in names} for section, names in OPTIONS.items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} cannot be read ({error!r}); train the stage again") from error
