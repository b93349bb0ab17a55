"""What accelerate does not keep of PPO in trlX, in the folder of its checkpoint.

    checkpoint_0050/
        ...                  accelerate's or DeepSpeed's: weights, optimiser, schedule
        0.untilclick.pt      random states of process 0; one such file a process
        untilclick.pt        progress, settings, averaged weights; written last, by rename: a folder without it was
                             never finished and is no checkpoint

Own files are read with `weights_only=True`, so that opening them executes nothing.
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

from untilclick.rewriter.config import PPOConfig
from untilclick.rewriter.flat_settings import flat
from untilclick.rewriter.language.prompts import Prompt
from untilclick.rewriter.training.weights import BestScore
from untilclick.search.errors import ModelError
from untilclick.search.files.whole_files import whole_file

MARKER = "untilclick.pt"
_REMEDY = "remove it to go on from an earlier one, or start over with --anew"
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
"""What torch, accelerate and DeepSpeed raise for files that are missing, cut or of another kind."""


@dataclass
class Progress:
    """What a resumed run continues from, besides weights."""

    step: int = 0
    """Optimiser steps done."""
    round: int = 0
    """Rounds done and logged, skipped ones included."""
    rollouts: int = 0
    """Sequences drawn so far, over all processes."""
    best: BestScore = field(default_factory=BestScore)
    """Best mean reward of the evaluation prompts, and the optimiser step that reached it."""
    kl_coef: float = 0.0
    order: tuple[int, ...] = ()
    """Prompts of the present pass that are still to come."""
    row: dict[str, float] | None = None
    """Metrics of a round that is done and not logged yet."""

    def content(self) -> dict[str, Any]:  # Any: numbers, and collections of them
        """What a checkpoint keeps of this."""
        best = {"best": self.best.score, "best_step": self.best.step, "stale": self.best.stale}
        return {field.name: getattr(self, field.name) for field in fields(self)} | best

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Progress:  # Any: as read from the file
        """What `content` gave."""
        own = dict(content)
        best = BestScore(own.pop("best"), own.pop("best_step"), own.pop("stale"))
        return cls(**{**own, "best": best, "order": tuple(own["order"])})


@dataclass(frozen=True)
class Origin:
    """What a checkpoint must share with the run that goes on from it."""

    settings: PPOConfig
    processes: int
    zero_stage: int
    """Stage of DeepSpeed's ZeRO, 0 without DeepSpeed."""
    warm_start: str
    """`weights_hash` of the model that training started from."""
    options: Mapping[str, Any]
    """Options of trlX that are none of `settings`, by section (Any: of every type)."""
    prompts: str = ""
    """`prompts_hash` of those to train and to evaluate on."""

    def content(self) -> dict[str, Any]:  # Any: of every type
        """What a checkpoint keeps of this, the settings flat."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {"settings": flat(self.settings)}

    def check(self, folder: Path, found: Mapping[str, Any]) -> None:  # Any: as read from the file
        """Raises ModelError for a checkpoint of another kind of run. More or fewer iterations are no difference."""
        processes, zero_stage = found["processes"], found["zero_stage"]
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
        if found["warm_start"] != self.warm_start:
            raise ModelError(f"{folder} started from another warm start than there is now; start over with --anew")
        ours = {**flat(self.settings), **self.options, "iterations": 0}
        other = _differing({**found["settings"], **found["options"], "iterations": 0}, ours)
        if other:
            raise ModelError(
                f"{folder} belongs to a run with other settings ({', '.join(other)}); repeat those, or start over "
                "with --anew"
            )
        if found["prompts"] != self.prompts:
            raise ModelError(
                f"{folder} was trained on other prompts than there are now, as when a log has grown; start over with "
                "--anew"
            )


def _differing(found: Mapping[str, Any], ours: Mapping[str, Any], section: str = "") -> list[str]:
    """Dotted names of what is not the same in both."""
    names: list[str] = []
    for name in sorted(found.keys() | ours.keys()):
        one, other = found.get(name), ours.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            names += _differing(one, other, f"{section}{name}.")
        elif one != other:
            names.append(f"{section}{name}")
    return names


@dataclass(frozen=True)
class RandomNumbers:
    """The sources of random numbers that a process has of its own."""

    generator: torch.Generator
    rng: np.random.Generator
    reward: np.random.Generator | None
    """Of the reward, where it keeps some."""

    def states(self) -> dict[str, object]:
        """Their present states."""
        return {
            "generator": self.generator.get_state(),
            "rng": self.rng.bit_generator.state,
            "reward_rng": self.reward.bit_generator.state if self.reward is not None else None,
        }

    def restore(self, states: Mapping[str, Any]) -> None:  # Any: as read from the file
        """Put them into the states of `states()`."""
        self.generator.set_state(states["generator"])
        self.rng.bit_generator.state = states["rng"]
        if self.reward is not None and states["reward_rng"] is not None:
            self.reward.bit_generator.state = states["reward_rng"]


def newest_checkpoint(folder: Path) -> Path | None:
    """The whole checkpoint of the most steps in a folder, None where there is none."""
    found = {}
    for path in sorted(folder.glob("checkpoint_*")):
        steps = path.name.removeprefix("checkpoint_")
        if steps.isascii() and steps.isdigit() and (path / MARKER).is_file():
            found[int(steps)] = path
    return found[max(found)] if found else None


def weights_hash(model: nn.Module) -> str:
    """SHA-256 of a model's weights with their names, types and shapes, in hexadecimal; the device does not matter."""
    digest = hashlib.sha256()
    for name, weight in sorted(model.state_dict().items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def prompts_hash(*lists: Sequence[Prompt]) -> str:
    """SHA-256 of the tokens of lists of prompts, in hexadecimal; their order counts."""
    ids = [[(one.ids, one.query_ids) for one in prompts] for prompts in lists]
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()


def rng_of(reward: object) -> np.random.Generator | None:
    """The random numbers of a reward that keeps some as its `rng`, None for any other callable."""
    rng = getattr(reward, "rng", None)
    return rng if isinstance(rng, np.random.Generator) else None


def rank_file(folder: Path, rank: int) -> Path:
    """Where a process keeps its random states."""
    return folder / f"{rank}.{MARKER}"


def write(content: Mapping[str, object], path: Path) -> None:
    """Write numbers and tensors into a file, whole or not at all."""
    with whole_file(path) as file:
        torch.save(dict(content), file.buffer)


def read(path: Path) -> dict[str, Any]:  # Any: numbers, tensors, random states
    """What `write` wrote, tensors on the CPU."""
    content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return content


@contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Turn what damaged files raise into a ModelError that names the folder and the remedy."""
    try:
        yield
    except _DAMAGE as error:
        raise ModelError(f"{folder} is not a checkpoint that can be read ({error!r}); {_REMEDY}") from error
