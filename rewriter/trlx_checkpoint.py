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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch

from rewriter.config import PPOConfig
from search.errors import ModelError

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
    best: float = -float("inf")
    """Best mean reward of the evaluation prompts."""
    best_step: int = 0
    """The step that reached it; 0 is the start."""
    stale: int = 0
    """Evaluations since."""
    kl_coef: float = 0.0
    order: tuple[int, ...] = ()
    """Prompts of the present pass that are still to come."""
    row: dict[str, float] | None = None
    """Metrics of a round that is done and not logged yet."""


@dataclass(frozen=True)
class Origin:
    """What a checkpoint must share with the run that goes on from it."""

    settings: PPOConfig
    processes: int
    zero_stage: int
    """Stage of DeepSpeed's ZeRO, 0 without DeepSpeed."""
    warm_start: str
    """`weights_hash` of the model folder that training started from."""

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
        if {**found["settings"], "iterations": 0} != {**asdict(self.settings), "iterations": 0}:
            raise ModelError(
                f"{folder} belongs to a run with other settings; repeat those, or start over with --anew"
            )


def newest_checkpoint(folder: Path) -> Path | None:
    """The whole checkpoint of the most steps in a folder, None where there is none."""
    found = {}
    for path in sorted(folder.glob("checkpoint_*")):
        steps = path.name.removeprefix("checkpoint_")
        if steps.isascii() and steps.isdigit() and (path / MARKER).is_file():
            found[int(steps)] = path
    return found[max(found)] if found else None


def weights_hash(folder: Path) -> str:
    """SHA-256 of the weights in a model folder, in hexadecimal."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def rng_of(reward: object) -> np.random.Generator | None:
    """The random numbers of a reward that keeps some as its `rng`, None for any other callable."""
    rng = getattr(reward, "rng", None)
    return rng if isinstance(rng, np.random.Generator) else None


def rank_file(folder: Path, rank: int) -> Path:
    """Where a process keeps its random states."""
    return folder / f"{rank}.{MARKER}"


def write(content: Mapping[str, object], path: Path) -> None:
    """Write a file that is there whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    torch.save(dict(content), new)
    new.replace(path)


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
