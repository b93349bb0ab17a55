"""Teaching one policy's first step to another: soft cross-entropy towards the teacher's whole distribution (Hinton,
Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015, at temperature 1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rewriter.best_weights import BestWeights
from rewriter.callbacks import Progress, Validation
from rewriter.config import OfflineConfig
from rewriter.policy import PromptBatch, T5Policy
from rewriter.ppo import exact_kl
from rewriter.prompts import Prompt, drop_words
from rewriter.supervised import descend


def divergence(student: T5Policy, teacher: T5Policy, batch: PromptBatch) -> Tensor:
    """() mean KL(teacher || student) of the first step, in nats: the soft cross-entropy less the teacher's entropy,
    which no training changes."""
    with torch.no_grad():
        wanted = teacher.first_step_log_probs(batch)
    return exact_kl(wanted, student.first_step_log_probs(batch)).mean()


def distil(
    student: T5Policy,
    teacher: T5Policy,
    prompts: Sequence[Prompt],
    config: OfflineConfig,
    validation: Validation,
    progress: Progress | None = None,
) -> tuple[float, ...]:
    """Train the student in place for `distil_epochs` passes and leave the best weights by validation, those before
    training included; returns the mean divergence of each pass."""
    rng = np.random.default_rng(config.seed)
    optimizer = torch.optim.AdamW(student.t5.parameters(), lr=config.learning_rate, weight_decay=0.0)
    best = BestWeights(student, validation)
    found: list[float] = []
    for epoch in range(1, config.distil_epochs + 1):
        losses = []
        order = rng.permutation(len(prompts))
        for start in range(0, len(order), config.batch_size):
            rows = order[start : start + config.batch_size]
            seen = [drop_words(prompts[row], config.word_dropout, rng) for row in rows]
            batch = student.batch(seen)
            losses.append(descend(divergence(student, teacher, batch), student.t5, optimizer, config.max_grad_norm))
        found.append(float(np.mean(losses)))
        if progress is not None:
            progress(epoch, config.distil_epochs, found[-1])
        best.offer()
    best.restore()
    return tuple(found)
