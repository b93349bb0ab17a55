"""Resumable checkpoints of PPO: weights, best weights, reference, optimiser, schedule, KL coefficient, random states.

A resumed run continues bit for bit on the same machine. Tensors lie in safetensors and in a `torch.save` file that is
read with `weights_only=True`, so that opening a checkpoint executes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from untilclick.rewriter.flat_settings import flat
from untilclick.rewriter.language.prompts import prompts_digest
from untilclick.rewriter.training.ppo.trainer import PPOTrainer, TrainerState
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import whole_folder

_STATE, _OPTIMIZER = "state.json", "optimizer.pt"
_WEIGHTS, _BEST, _REFERENCE = "weights.safetensors", "best.safetensors", "reference.safetensors"
_AVERAGED = "averaged.safetensors"


@dataclass(frozen=True)
class _Progress:
    """How far a run has come."""

    round: int
    """Rounds done."""
    rollouts: int
    """Sequences drawn."""
    best: float
    """Best validation score; -inf before the first validation."""
    best_round: int
    """The round that reached it."""
    stale: int
    """Validations since."""
    order: list[int]
    """Positions of the prompts that the present pass has not drawn yet."""


@dataclass(frozen=True)
class _State:
    """The content of `state.json`."""

    config: Mapping[str, Any]  # Any: the flat form of `PPOConfig`
    prompts: str
    """Digest of the prompts, see `prompts_digest`."""
    trainer: _Progress
    kl_coef: float
    rng: Mapping[str, Any]  # Any: the state of NumPy's generator
    """State of the random numbers that choose prompts and draw clicks."""


def save_checkpoint(trainer: PPOTrainer, folder: Path) -> None:
    """Write everything that `load_checkpoint` needs; the folder is replaced as a whole."""
    with whole_folder(folder) as new:
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
        state, best = trainer.state, trainer.best
        saved = _State(
            config=flat(trainer.config),
            prompts=prompts_digest(trainer.prompts),
            trainer=_Progress(state.round, state.rollouts, best.score, best.step, best.stale, state.order),
            kl_coef=trainer.kl.coefficient,
            rng=trainer.rng.bit_generator.state,
        )
        (new / _STATE).write_text(json.dumps(asdict(saved)), encoding="utf-8")


def load_checkpoint(trainer: PPOTrainer, folder: Path) -> None:
    """Put a trainer of the same configuration into the saved state. Raises ModelError for another configuration and
    for a checkpoint that cannot be read or belongs to another model; the trainer is then of no more use."""
    try:
        _load(trainer, folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, UnpicklingError) as error:
        remedy = "remove it to start anew, or call `untilclick train ppo --anew`"
        raise ModelError(f"{folder} is not a checkpoint of this model ({error}); {remedy}") from error


def _load(trainer: PPOTrainer, folder: Path) -> None:
    state = read_record(_State, folder / _STATE)
    if state.config != flat(trainer.config):
        remedy = "repeat those, or start over with `untilclick train ppo --anew`"
        raise ModelError(f"{folder} belongs to a run with other settings; {remedy}")
    trainer.policy.load_state_dict(load_file(folder / _WEIGHTS))
    if state.prompts != prompts_digest(trainer.prompts):
        remedy = "start over with `untilclick train ppo --anew`"
        raise ModelError(f"{folder} belongs to a run on other queries, since the log has changed; {remedy}")
    trainer.average.module.load_state_dict(load_file(folder / _AVERAGED))
    trainer.reference.load_state_dict(load_file(folder / _REFERENCE))
    progress, best = state.trainer, trainer.best
    best.weights = load_file(folder / _BEST)
    best.score, best.step, best.stale = progress.best, progress.best_round, progress.stale
    tensors = torch.load(folder / _OPTIMIZER, weights_only=True)
    trainer.optimizer.load_state_dict(tensors["optimizer"])
    trainer.schedule.load_state_dict(tensors["schedule"])
    trainer.generator.set_state(tensors["generator"])
    trainer.rng.bit_generator.state = state.rng
    trainer.kl.coefficient = state.kl_coef
    trainer.state = TrainerState(progress.round, progress.rollouts, progress.order)


def exists(folder: Path) -> bool:
    """True when the folder holds a whole checkpoint."""
    return (folder / _STATE).is_file()


def _own(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copies with memory of their own: tied embeddings share theirs, which safetensors refuses."""
    return {name: tensor.detach().clone().contiguous() for name, tensor in weights.items()}
