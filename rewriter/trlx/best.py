"""The best weights of PPO in trlX: a model folder with the evaluation that the weights won.

A checkpoint does not know of evaluations after it. A run that is killed between the two continues from the
checkpoint, while this folder holds the weights of the later evaluation. Therefore reward and step are stored with the
weights, and the figures of a stage are read from there. The weights may be a little worse than the best and have
learned longer, see `LastOfBest`; then the rewards of the best are stored with them, too.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from untilclick.rewriter.policy.models import PolicyVocabulary, save_model
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.training.scored import Scored
from untilclick.rewriter.training.weights import LastOfBest
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
    best: tuple[float, ...] | None = None
    """(n,) the rewards of the evaluation prompts in the best evaluation so far, which cannot be told from this one;
    None if the needs of the prompts are not known, so that this one is the best."""

    @property
    def highest(self) -> float:
        """Mean reward of the best evaluation so far."""
        return self.reward if self.best is None else mean_reward(self.best)

    @classmethod
    def of(cls, score: Scored, best: LastOfBest) -> Evaluation:
        """The evaluation with a score that `best` has just taken."""
        if score.needs is None or best.values is None:
            return cls(score.mean, best.step)
        return cls(score.mean, best.step, tuple(best.values.tolist()))


def mean_reward(rewards: Iterable[float]) -> float:
    """The mean of rewards, rounded once: the same in all processes and after a resume."""
    values = list(rewards)
    return math.fsum(values) / len(values)


class BestFolder:
    """The best weights in a checkpoint folder, replaced as a run improves."""

    def __init__(self, checkpoints: Path, *, main: bool) -> None:
        """`main`: whether this is the main process; only that process reads and writes."""
        self._folder = checkpoints / BEST_FOLDER
        self._main = main
        self._later = Evaluation()

    def read(self, processes: Processes) -> Evaluation:
        """The best reward that the weights in the folder are as good as, and their step, for a run that continues
        from a checkpoint; the same in all processes. The weights may be newer than the checkpoint: `keep` replaces
        them only by weights that it would have preferred to them."""
        # All processes but the main one add 0 to the sum.
        self._later = saved_evaluation(self._folder) if self._main else Evaluation(0.0, 0)
        pair = torch.tensor([self._later.highest, self._later.step], dtype=torch.float64)
        highest, step = processes.total(pair).tolist()
        return Evaluation(highest, int(step))

    def keep(self, policy: T5Policy, vocabulary: PolicyVocabulary, score: Scored, best: LastOfBest) -> None:
        """Write weights whose score `best` has just taken, unless the weights in the folder won a higher evaluation
        after the checkpoint, or have learned longer and cannot be told from these."""
        if self._main and self._are_preferred(score, best.step):
            write_best(self._folder, policy, vocabulary, Evaluation.of(score, best))

    def _are_preferred(self, score: Scored, step: int) -> bool:
        """Whether weights are preferred to those that were in the folder when the run was continued."""
        later = self._later
        if score.mean > later.highest:
            self._later = Evaluation()  # the run has come further than before: its own best counts from now on
            return True
        values = None if later.best is None else np.array(later.best)
        level = score.mean == later.highest or score.is_level_with(Scored(later.highest, values))
        return level and step >= later.step


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
