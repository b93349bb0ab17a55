"""Resumable checkpoints of PPO: weights, best and averaged weights, reference, optimiser, schedule, KL coefficient
and the states of all random numbers.

A resumed run continues bit for bit on the same machine. Tensors are stored as safetensors, and in a `torch.save` file
that is read with `weights_only=True`: opening a checkpoint executes no code.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from untilclick.rewriter.flat_settings import flat, grouped
from untilclick.rewriter.language.prompts import prompts_digest
from untilclick.rewriter.training.ppo.trainer import PPOTrainer, TrainerState
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import whole_folder

_STATE, _OPTIMIZER = "state.json", "optimizer.pt"
_WEIGHTS, _BEST, _REFERENCE = "weights.safetensors", "best.safetensors", "reference.safetensors"
_AVERAGED = "averaged.safetensors"
_BEST_VALUES = "best_values.npy"


@dataclass(frozen=True)
class _TrainerRecord:
    """How far a run has come, `trainer` in `state.json`."""

    round: int
    """Rounds done."""
    rollouts: int
    """Sequences drawn."""
    best: float
    """Best validation score; -inf before the first validation."""
    best_round: int
    """The round that reached it."""
    stale: int
    """Validations since then."""
    order: list[int]
    """Positions of the prompts that the present pass has not drawn yet."""


@dataclass(frozen=True)
class _State:
    """The content of `state.json`."""

    config: Mapping[str, Any]  # Any: the flat form of `PPOConfig`
    prompts: str
    """Digest of the prompts, see `prompts_digest`."""
    trainer: _TrainerRecord
    kl_coef: float
    rng: Mapping[str, Any]  # Any: the state of NumPy's generator
    """State of the random numbers that draw prompts, left-out words, minibatches and clicks."""


def save_checkpoint(trainer: PPOTrainer, folder: Path) -> None:
    """Write everything that `load_checkpoint` needs. The folder is replaced as a whole."""
    with whole_folder(folder) as new:
        save_file(_without_ties(trainer.policy.state_dict()), new / _WEIGHTS)
        save_file(_without_ties(trainer.average.module.state_dict()), new / _AVERAGED)
        save_file(_without_ties(trainer.best.weights), new / _BEST)
        save_file(_without_ties(trainer.reference.state_dict()), new / _REFERENCE)
        torch.save(
            {
                "optimizer": trainer.optimizer.state_dict(),
                "schedule": trainer.schedule.state_dict(),
                "generator": trainer.generator.get_state(),
            },
            new / _OPTIMIZER,
        )
        state, best = trainer.state, trainer.best
        if best.values is not None:
            np.save(new / _BEST_VALUES, best.values)
        content = _State(
            config=flat(trainer.config),
            prompts=prompts_digest(trainer.prompts),
            trainer=_TrainerRecord(state.round, state.rollouts, best.score, best.step, best.stale, state.order),
            kl_coef=trainer.kl.coefficient,
            rng=trainer.rng.bit_generator.state,
        )
        (new / _STATE).write_text(json.dumps(asdict(content)), encoding="utf-8")


def load_checkpoint(trainer: PPOTrainer, folder: Path) -> None:
    """Bring a trainer with the same configuration and prompts into the saved state. Raises ModelError for other
    settings or prompts, and for a checkpoint that cannot be read or belongs to another model; the trainer must not be
    used afterwards."""
    try:
        _load(trainer, folder)
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, UnpicklingError) as error:
        remedy = "remove it to start anew, or call `untilclick train ppo --anew`"
        raise ModelError(f"{folder} is not a checkpoint of this model ({error}); {remedy}") from error


def _load(trainer: PPOTrainer, folder: Path) -> None:
    state = read_record(_State, folder / _STATE)
    settings = grouped(type(trainer.config), state.config)  # one of an earlier version lacks those that are new
    if flat(settings) != flat(trainer.config):
        remedy = "repeat those, or start over with `untilclick train ppo --anew`"
        raise ModelError(f"{folder} belongs to a run with other settings; {remedy}")
    ties = _ties(trainer.policy.state_dict())
    trainer.policy.load_state_dict(_tied(load_file(folder / _WEIGHTS), ties))
    if state.prompts != prompts_digest(trainer.prompts):
        remedy = "start over with `untilclick train ppo --anew`"
        raise ModelError(f"{folder} belongs to a run on other queries, since the log has changed; {remedy}")
    trainer.average.module.load_state_dict(_tied(load_file(folder / _AVERAGED), ties))
    trainer.reference.load_state_dict(_tied(load_file(folder / _REFERENCE), ties))
    tensors = torch.load(folder / _OPTIMIZER, weights_only=True)
    trainer.optimizer.load_state_dict(tensors["optimizer"])
    trainer.schedule.load_state_dict(tensors["schedule"])
    trainer.generator.set_state(tensors["generator"])
    trainer.rng.bit_generator.state = state.rng
    trainer.kl.coefficient = state.kl_coef
    progress, best = state.trainer, trainer.best
    trainer.state = TrainerState(progress.round, progress.rollouts, progress.order)
    best.weights = _tied(load_file(folder / _BEST), ties)
    best.values = np.load(folder / _BEST_VALUES) if (folder / _BEST_VALUES).is_file() else None
    best.score, best.step, best.stale = progress.best, progress.best_round, progress.stale


def exists(folder: Path) -> bool:
    """Whether the folder holds a complete checkpoint."""
    return (folder / _STATE).is_file()


def _ties(weights: Mapping[str, Tensor]) -> dict[str, str]:
    """Names of tensors that are another one under a second name, such as tied embeddings, to the first of their
    names."""
    firsts: dict[Hashable, str] = {}
    ties = {}
    for name, tensor in weights.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride())
        if tensor.numel() and (first := firsts.setdefault(place, name)) != name:
            ties[name] = first
    return ties


def _without_ties(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Each tensor under the first of its names: safetensors refuses tensors that share memory, and the embeddings of
    a T5 have four names."""
    ties = _ties(weights)
    return {name: tensor.detach().contiguous() for name, tensor in weights.items() if name not in ties}


def _tied(weights: dict[str, Tensor], ties: Mapping[str, str]) -> dict[str, Tensor]:
    """What was written, under all names. Checkpoints of earlier versions have all of them."""
    return {**{name: weights[first] for name, first in ties.items() if first in weights}, **weights}
