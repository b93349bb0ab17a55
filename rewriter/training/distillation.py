"""Distillation: a student policy learns the first step of a teacher by soft cross-entropy towards the teacher's whole
distribution (Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", 2015, at temperature 1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from untilclick.rewriter.language.prompts import Prompt, drop_words
from untilclick.rewriter.offline_config import OfflineConfig
from untilclick.rewriter.policy.distributions import exact_kl
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy, parameter_groups
from untilclick.rewriter.training.callbacks import Progress, Validation
from untilclick.rewriter.training.length_batches import length_batches
from untilclick.rewriter.training.optimisation import descend
from untilclick.rewriter.training.weights import EpochValidation, TrainedEpochs


def divergence(student: T5Policy, teacher: T5Policy, batch: PromptBatch) -> Tensor:
    """() mean KL(teacher || student) of the first step, in nats. It differs from the soft cross-entropy by the
    teacher's entropy, which is constant, so both have the same gradient; the KL is 0 for a perfect student."""
    with torch.no_grad():
        target = teacher.first_step_log_probs(batch)  # (B, V)
    return exact_kl(target, student.first_step_log_probs(batch)).mean()


@torch.no_grad()
def mean_divergence(student: T5Policy, teacher: T5Policy, prompts: Sequence[Prompt], batch_size: int) -> float:
    """Mean KL(teacher || student) of the first step over prompts without word dropout, in nats; 0 without prompts.
    Both policies must be on the same device."""
    student.eval()
    parts = [prompts[start : start + batch_size] for start in range(0, len(prompts), batch_size)]
    total = sum(len(part) * float(divergence(student, teacher, student.batch(part))) for part in parts)
    return total / len(prompts) if prompts else 0.0


def distil(
    student: T5Policy,
    teacher: T5Policy,
    prompts: Sequence[Prompt],
    config: OfflineConfig,
    validation: Validation,
    progress: Progress | None = None,
) -> TrainedEpochs:
    """Train the student in place for `distil_epochs` passes over the prompts. It ends with the weights that validate
    best, those before training included. `progress` gets the mean divergence of each pass, with word dropout."""
    rng = np.random.default_rng(config.seed)
    groups = parameter_groups(student, config.learning_rate, config.memory_learning_rate)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    lengths = [len(prompt.ids) for prompt in prompts]
    course = EpochValidation(student, validation)
    for epoch in range(1, config.ilql.distil_epochs + 1):
        losses = []
        for rows in length_batches(lengths, config.batch_size, rng):
            batch = student.batch([drop_words(prompts[row], config.word_dropout, rng) for row in rows])
            losses.append(descend(divergence(student, teacher, batch), student, optimizer, config.max_grad_norm))
        if progress is not None:
            progress(epoch, config.ilql.distil_epochs, float(np.mean(losses)))
        course.validate()
    return course.finish()
