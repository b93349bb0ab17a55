"""DeepSpeed's ZeRO under PPO in trlX: settings that accelerate otherwise takes from a data loader.

DeepSpeed clips gradients and steps the optimiser inside `backward`, at the last micro-batch of a step, which the
trainer marks. Stage 3 is refused, because it splits the weights that every process samples from.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any, Protocol

from untilclick.search.errors import UntilclickError


def start_on_cpu() -> None:
    """Connect processes without a GPU by gloo. Accelerate leaves the backend open there, and each process would then
    believe that it is the only one. Does nothing without DeepSpeed or its launcher."""
    if os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() != "true" or "LOCAL_RANK" not in os.environ:
        return
    partial_state = import_module("accelerate").PartialState
    get_accelerator = import_module("deepspeed.accelerator").get_accelerator

    if get_accelerator().device_name() == "cpu":
        partial_state(backend="gloo")


class Plugin(Protocol):
    """accelerate's `DeepSpeedPlugin`, which has no types."""

    zero_stage: int
    deepspeed_config: dict[str, Any]  # Any: DeepSpeed's options are of every type


def configure(plugin: Plugin, prompts: int, max_grad_norm: float) -> None:
    """Set the number of prompts in a micro-batch of each process and the norm at which DeepSpeed clips gradients.
    Raises UntilclickError for ZeRO stage 3 and for gradient accumulation by DeepSpeed."""
    if plugin.zero_stage == 3:
        raise UntilclickError("ZeRO stage 3 splits the weights that every process samples from; use stage 1 or 2")
    steps = plugin.deepspeed_config.get("gradient_accumulation_steps", 1)
    if steps not in (1, "auto"):
        raise UntilclickError(
            f"gradient_accumulation_steps of DeepSpeed is {steps}; leave it at 1 and give train.minibatch_size"
        )
    plugin.deepspeed_config["gradient_accumulation_steps"] = 1
    plugin.deepspeed_config["train_micro_batch_size_per_gpu"] = prompts
    plugin.deepspeed_config["gradient_clipping"] = max_grad_norm
