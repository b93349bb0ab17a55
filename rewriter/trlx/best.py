"""The best weights of PPO in trlX: a model folder that says itself what evaluation it won.

A checkpoint does not know what was evaluated after it. A run that is killed in between goes on from the checkpoint
with the weights of a later evaluation in this folder; reward and step are therefore written with the weights, and
what is reported of them is read from there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import torch

from untilclick.rewriter.policy.models import PolicyVocabulary, save_model
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.trlx.processes import Processes
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import whole_folder

BEST_FOLDER = "best_checkpoint"
"""Beneath the checkpoint folder: the weights of the best evaluation, as a model folder."""
EVALUATION_FILE = "evaluation.json"


class Evaluation(NamedTuple):
    """What weights were worth; the default is that of none."""

    reward: float = -float("inf")
    """Mean reward of their best terms for the evaluation prompts."""
    step: int = 0
    """Optimiser steps done; 0 is the start."""


class BestFolder:
    """The best weights beneath a checkpoint folder, as a run improves on them."""

    def __init__(self, checkpoints: Path, *, main: bool) -> None:
        """`main`: whether this is the main process, which alone reads and writes."""
        self._folder = checkpoints / BEST_FOLDER
        self._main = main
        self._found = Evaluation()

    def found(self, processes: Processes) -> Evaluation:
        """What the weights there are worth, for a run that goes on from a checkpoint; the same in all processes."""
        found = kept_evaluation(self._folder) if self._main else Evaluation(0.0, 0)
        reward, step = processes.total(torch.tensor(found, dtype=torch.float64)).tolist()
        self._found = Evaluation(reward, int(step))
        return self._found

    def keep(self, policy: T5Policy, vocabulary: PolicyVocabulary, evaluation: Evaluation) -> None:
        """Write weights, unless those that were found won a higher evaluation after the checkpoint."""
        if self._main and evaluation.reward >= self._found.reward:
            keep_best(self._folder, policy, vocabulary, evaluation)


def keep_best(folder: Path, policy: T5Policy, vocabulary: PolicyVocabulary, evaluation: Evaluation) -> None:
    """Write weights and their evaluation into the place of those before, all or nothing."""
    with whole_folder(folder) as new:
        save_model(policy, vocabulary, new)
        (new / EVALUATION_FILE).write_text(json.dumps(evaluation._asdict()), encoding="utf-8")


def kept_evaluation(folder: Path) -> Evaluation:
    """The evaluation of the weights in a folder; the default where there are none, or none that say."""
    try:
        return read_record(Evaluation, folder / EVALUATION_FILE)
    except (OSError, ValueError):
        return Evaluation()
