"""The part of a checkpoint of PPO in trlX that accelerate does not store, in files of the same folder.

    checkpoint_0050/
        ...                  files of accelerate or DeepSpeed: weights, optimiser, schedule
        0.untilclick.pt      random states of process 0; one such file per process
        untilclick.pt        progress, settings, averaged weights; written last: a folder without it is incomplete and
                             not a checkpoint

The two kinds of `untilclick.pt` are read with `weights_only=True`: opening them executes no code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import nn

from untilclick.rewriter.flat_settings import flat, present
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.ppo_config import PPOConfig
from untilclick.rewriter.training.weights import LastOfBest
from untilclick.search.errors import ModelError
from untilclick.search.files.whole_files import whole_file

MARKER = "untilclick.pt"
_REMEDY = "remove it to continue from an earlier one, or start over with --anew"
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    AttributeError,
    AssertionError,
    ImportError,
    EOFError,
    UnpicklingError,
)
"""Errors that torch, accelerate and DeepSpeed raise for missing, truncated and foreign files."""


@dataclass
class Progress:
    """The state of a run besides its weights, from which a resumed run continues."""

    step: int = 0
    """Optimiser steps done."""
    round: int = 0
    """Rounds done and logged, skipped ones included."""
    rollouts: int = 0
    """Sequences drawn so far, over all processes."""
    best: LastOfBest = field(default_factory=LastOfBest)
    """Best mean reward of the evaluation prompts, and the last optimiser step that cannot be told from it."""
    kl_coef: float = 0.0
    """Present weight of the KL to the reference."""
    order: tuple[int, ...] = ()
    """Positions of the prompts that the present pass has not drawn yet."""
    row: dict[str, float] | None = None
    """Metrics of a finished round that are not logged yet."""

    def content(self) -> dict[str, Any]:  # Any: numbers, and collections of them
        """The progress as a checkpoint stores it."""
        rewards = None if self.best.values is None else self.best.values.tolist()
        best = {"best": self.best.score, "best_step": self.best.step, "stale": self.best.stale}
        return {field.name: getattr(self, field.name) for field in fields(self)} | best | {"best_rewards": rewards}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Progress:  # Any: as read from the file
        """The progress that `content` stored. Earlier builds stored no rewards: until an evaluation beats the best
        one, only better ones are kept."""
        values = dict(content)
        rewards = values.pop("best_rewards", None)
        best = LastOfBest(values.pop("best"), values.pop("best_step"), values.pop("stale"))
        best.values = None if rewards is None else np.array(rewards)
        return cls(**{**values, "best": best, "order": tuple(values["order"])})


@dataclass(frozen=True)
class Origin:
    """Properties that a checkpoint and the run that resumes it must share."""

    settings: PPOConfig
    processes: int
    zero_stage: int
    """Stage of DeepSpeed's ZeRO, 0 without DeepSpeed."""
    warm_start: str
    """`weights_hash` of the model that training started from."""
    options: Mapping[str, Any]
    """`course_options`: options of trlX that are not part of `settings`, by section (Any: of every type)."""
    prompts: str = ""
    """`prompts_hash` of the prompts to train and to evaluate on."""

    def content(self) -> dict[str, Any]:  # Any: of every type
        """The origin as a checkpoint stores it, with flat settings."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"settings": flat(self.settings)}

    def check(self, folder: Path, content: Mapping[str, Any]) -> None:  # Any: as read from the file
        """Raises ModelError for a checkpoint of another origin. Only the number of iterations may differ."""
        processes, zero_stage = content["processes"], content["zero_stage"]
        if processes != self.processes:
            raise ModelError(
                f"{folder} was written by {processes} processes, and now there are {self.processes}; start as many, "
                "or start over with --anew"
            )
        if zero_stage != self.zero_stage:
            raise ModelError(
                f"{folder} was written under ZeRO stage {zero_stage}, and now it is {self.zero_stage} (0 is none); "
                "start the same, or start over with --anew"
            )
        if content["warm_start"] != self.warm_start:
            raise ModelError(f"{folder} started from another warm start than there is now; start over with --anew")
        current = {**flat(self.settings), **self.options, "iterations": 0}
        saved = {**present(content["settings"]), **content["options"], "iterations": 0}
        differing = _differing(saved, current)
        if differing:
            raise ModelError(
                f"{folder} belongs to a run with other settings ({', '.join(differing)}); repeat those, or start "
                "over with --anew"
            )
        if content["prompts"] != self.prompts:
            raise ModelError(
                f"{folder} was trained on other prompts than there are now, as when a log has grown; start over with "
                "--anew"
            )


def _differing(saved: Mapping[str, Any], current: Mapping[str, Any], section: str = "") -> list[str]:
    """Dotted names of the options that differ."""
    names: list[str] = []
    for name in sorted(saved.keys() | current.keys()):
        saved_value, current_value = saved.get(name), current.get(name)
        if isinstance(saved_value, Mapping) and isinstance(current_value, Mapping):
            names += _differing(saved_value, current_value, f"{section}{name}.")
        elif saved_value != current_value:
            names.append(f"{section}{name}")
    return names


@dataclass(frozen=True)
class RandomNumbers:
    """The random number generators of one process."""

    generator: torch.Generator
    """Draws sequences."""
    rng: np.random.Generator
    """Draws left-out words and minibatches."""
    reward: np.random.Generator | None
    """The generator of the reward, if it has one."""

    def states(self) -> dict[str, object]:
        """The present states."""
        return {
            "generator": self.generator.get_state(),
            "rng": self.rng.bit_generator.state,
            "reward_rng": self.reward.bit_generator.state if self.reward is not None else None,
        }

    def restore(self, states: Mapping[str, Any]) -> None:  # Any: as read from the file
        """Put the generators into the states that `states` returned."""
        self.generator.set_state(states["generator"])
        self.rng.bit_generator.state = states["rng"]
        if self.reward is not None and states["reward_rng"] is not None:
            self.reward.bit_generator.state = states["reward_rng"]


def newest_checkpoint(folder: Path) -> Path | None:
    """The complete checkpoint with the most steps in a folder; None if there is none."""
    checkpoints = {}
    for path in sorted(folder.glob("checkpoint_*")):
        steps = path.name.removeprefix("checkpoint_")
        if steps.isascii() and steps.isdigit() and (path / MARKER).is_file():
            checkpoints[int(steps)] = path
    return checkpoints[max(checkpoints)] if checkpoints else None


def weights_hash(model: nn.Module) -> str:
    """SHA-256 of a model's weights with their names, types and shapes, in hexadecimal; the same on every device."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def prompts_hash(*lists: Sequence[Prompt]) -> str:
    """SHA-256 of the tokens of lists of prompts, in hexadecimal; it depends on the order."""
    ids = [[(prompt.ids, prompt.query_ids) for prompt in prompts] for prompts in lists]
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()


def rng_of(reward: object) -> np.random.Generator | None:
    """The generator of a reward that has one as its attribute `rng`; None for any other callable."""
    rng = getattr(reward, "rng", None)
    return rng if isinstance(rng, np.random.Generator) else None


def rank_file(folder: Path, rank: int) -> Path:
    """The file with the random states of process `rank`."""
    return folder / f"{rank}.{MARKER}"


def write(content: Mapping[str, object], path: Path) -> None:
    """Write numbers and tensors into a file, whole or not at all."""
    with whole_file(path) as file:
        torch.save(dict(content), file.buffer)


def read(path: Path) -> dict[str, Any]:  # Any: numbers, tensors, random states
    """Read what `write` wrote; tensors are on the CPU."""
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


@contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Turn the errors of damaged files into a ModelError that names the folder and the remedy."""
    try:
        yield
    except _DAMAGE as error:
        raise ModelError(f"{folder} is not a checkpoint that can be read ({error!r}); {_REMEDY}") from error
