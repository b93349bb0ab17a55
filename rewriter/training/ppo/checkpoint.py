"""Resumable checkpoints of PPO: weights, best weights, reference, optimiser, schedule, KL coefficient, random states.

A resumed run continues bit for bit on the same machine. Tensors lie in safetensors and in a `torch.save` file that is
read with `weights_only=True`, so that opening a checkpoint executes nothing.
"""

from __future__ import annotations

import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from untilclick.rewriter.flat_settings import flat
from untilclick.rewriter.language.prompts import prompts_digest
from untilclick.rewriter.policy.t5_folder import atomic_folder
from untilclick.rewriter.training.ppo.trainer import PPOTrainer, TrainerState
from untilclick.search.errors import ModelError

_STATE, _OPTIMIZER = "state.json", "optimizer.pt"
_WEIGHTS, _BEST, _REFERENCE = "weights.safetensors", "best.safetensors", "reference.safetensors"
_AVERAGED = "averaged.safetensors"


def save_checkpoint(trainer: PPOTrainer, folder: Path) -> None:
    """Write everything that `load_checkpoint` needs; the folder is replaced as a whole."""
    with atomic_folder(folder) as new:
        save_file(_own(trainer.policy.state_dict()), new / _WEIGHTS)
        save_file(_own(trainer.average.module.state_dict()), new / _AVERAGED)
        save_file(_own(trainer.best.weights), new / _BEST)
        save_file(_own(trainer.reference.state_dict()), new / _REFERENCE)
        torch.save(
            {
                "optimizer": trainer.optimizer.state_dict(),
                "schedule": trainer.schedule.state_dict(),
                "generator": trainer.generator.get_state(),
            },
            new / _OPTIMIZER,
        )
        state = {
            "config": flat(trainer.config),
            "prompts": prompts_digest(trainer.prompts),
            "trainer": _progress(trainer),
            "kl_coef": trainer.kl.coefficient,
            "rng": trainer.rng.bit_generator.state,
        }
        (new / _STATE).write_text(json.dumps(state), encoding="utf-8")


def load_checkpoint(trainer: PPOTrainer, folder: Path) -> None:
    """Put a trainer of the same configuration into the saved state. Raises ModelError for another configuration and
    for a checkpoint that cannot be read or belongs to another model; the trainer is then of no more use."""
    try:
        _load(trainer, folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, UnpicklingError) as error:
        remedy = "remove it to start anew, or call `untilclick train ppo --anew`"
        raise ModelError(f"{folder} is not a checkpoint of this model ({error}); {remedy}") from error


def _load(trainer: PPOTrainer, folder: Path) -> None:
    state = json.loads((folder / _STATE).read_text(encoding="utf-8"))
    if state["config"] != flat(trainer.config):
        remedy = "repeat those, or start over with `untilclick train ppo --anew`"
        raise ModelError(f"{folder} belongs to a run with other settings; {remedy}")
    trainer.policy.load_state_dict(load_file(folder / _WEIGHTS))
    if state["prompts"] != prompts_digest(trainer.prompts):
        remedy = "start over with `untilclick train ppo --anew`"
        raise ModelError(f"{folder} belongs to a run on other queries, since the log has changed; {remedy}")
    trainer.average.module.load_state_dict(load_file(folder / _AVERAGED))
    trainer.reference.load_state_dict(load_file(folder / _REFERENCE))
    trainer.best.weights = load_file(folder / _BEST)
    tensors = torch.load(folder / _OPTIMIZER, weights_only=True)
    trainer.optimizer.load_state_dict(tensors["optimizer"])
    trainer.schedule.load_state_dict(tensors["schedule"])
    trainer.generator.set_state(tensors["generator"])
    trainer.rng.bit_generator.state = state["rng"]
    trainer.kl.coefficient = state["kl_coef"]
    progress = state["trainer"]
    trainer.state = TrainerState(progress["round"], progress["rollouts"], progress["order"])
    trainer.best.score, trainer.best.step = progress["best"], progress["best_round"]
    trainer.best.stale = progress["stale"]


def _progress(trainer: PPOTrainer) -> dict[str, Any]:  # Any: numbers, and a list of them
    state, best = trainer.state, trainer.best
    return {
        "round": state.round,
        "rollouts": state.rollouts,
        "best": best.score,
        "best_round": best.step,
        "stale": best.stale,
        "order": state.order,
    }


def exists(folder: Path) -> bool:
    """True when the folder holds a whole checkpoint."""
    return (folder / _STATE).is_file()


def _own(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies with memory of their own: tied embeddings share theirs, which safetensors refuses."""
    return {name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}
