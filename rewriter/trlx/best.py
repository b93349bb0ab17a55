"""The best weights of PPO in trlX: a model folder with the evaluation that the weights won.

A checkpoint does not know of evaluations after it. A run that is killed between the two continues from the
checkpoint, while this folder holds the weights of the later evaluation. Therefore reward and step are stored with the
weights, and the figures of a stage are read from there.
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
"""Folder of the best weights, inside the checkpoint folder."""
EVALUATION_FILE = "evaluation.json"


class Evaluation(NamedTuple):
    """How good weights were; the default stands for no weights."""

    reward: float = -float("inf")
    """Mean reward of the best terms for the evaluation prompts."""
    step: int = 0
    """Optimiser steps done; 0 is the start."""


class BestFolder:
    """The best weights in a checkpoint folder, replaced as a run improves."""

    def __init__(self, checkpoints: Path, *, main: bool) -> None:
        """`main`: whether this is the main process; only that process reads and writes."""
        self._folder = checkpoints / BEST_FOLDER
        self._main = main
        self._later = Evaluation()

    def read(self, processes: Processes) -> Evaluation:
        """The evaluation of the weights in the folder, for a run that continues from a checkpoint; the same in all
        processes. The weights may be newer than the checkpoint: `keep` replaces them only by better ones."""
        # All processes but the main one add 0 to the sum.
        evaluation = saved_evaluation(self._folder) if self._main else Evaluation(0.0, 0)
        reward, step = processes.total(torch.tensor(evaluation, dtype=torch.float64)).tolist()
        self._later = Evaluation(reward, int(step))
        return self._later

    def keep(self, policy: T5Policy, vocabulary: PolicyVocabulary, evaluation: Evaluation) -> None:
        """Write weights, unless the weights in the folder won a higher evaluation after the checkpoint."""
        if self._main and evaluation.reward >= self._later.reward:
            write_best(self._folder, policy, vocabulary, evaluation)


def write_best(folder: Path, policy: T5Policy, vocabulary: PolicyVocabulary, evaluation: Evaluation) -> None:
    """Replace the folder by one with these weights and their evaluation."""
    with whole_folder(folder) as new:
        save_model(policy, vocabulary, new)
        (new / EVALUATION_FILE).write_text(json.dumps(evaluation._asdict()), encoding="utf-8")


def saved_evaluation(folder: Path) -> Evaluation:
    """The evaluation of the weights in a folder; the default if there are no weights or no readable evaluation."""
    try:
        return read_record(Evaluation, folder / EVALUATION_FILE)
    except (OSError, ValueError):
        return Evaluation()
