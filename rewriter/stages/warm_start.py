"""Stage `warm-start`: supervised training on hindsight pairs of a log. Its result is the reference model of PPO.

The model first gets the words that several visitors of the training sessions typed and that no document holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from untilclick.rewriter.config import RunConfig, WarmStartConfig
from untilclick.rewriter.data.hindsight import TargetMaker, TargetSettings
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_queries import JudgedQuery, clicked_queries, retrieval_terms
from untilclick.rewriter.data.pseudo_queries import term_weights
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.prompts import Prompt, drop_words
from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.policy.models import TargetLoss
from untilclick.rewriter.policy.t5 import T5Policy, parameter_groups
from untilclick.rewriter.serving.term_rewriter import Spelling
from untilclick.rewriter.stages.input import LogInput, Sources, StageInput, open_sources
from untilclick.rewriter.stages.record import BASE, WARM_START, StageOutcome, drop_checkpoint, read_stage
from untilclick.rewriter.training.callbacks import Progress, Validation, units_of
from untilclick.rewriter.training.held_out import TRIAL_BLENDS, queries_to_learn_from, sharpened_score
from untilclick.rewriter.training.optimisation import LinearWarmupDecay, descend
from untilclick.rewriter.training.weights import EpochValidation, TrainedEpochs
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import DataError

WARMUP_STEPS = 40
"""Steps over which the learning rate rises."""
LEAST_FURTHER = 3 * WARMUP_STEPS
"""Smallest number of steps of a further training. With nine sessions of three words an epoch is one step, and twelve
epochs would end before the learning rate has risen."""


@dataclass(frozen=True)
class WarmStartStage:
    """One run of the stage."""

    run: RunConfig
    training: WarmStartConfig = field(default_factory=WarmStartConfig)


@dataclass(frozen=True)
class HindsightExample:
    """A hindsight pair as the model reads it."""

    prompt: Prompt
    target: SoftTarget
    """Target terms, as tokens of the vocabulary."""
    documents: SoftTarget
    """Target documents, as rows of the corpus."""


def main(
    config: WarmStartStage,
    opened: OpenedCollection | None = None,
    log: LogInput | None = None,
    progress: Progress | None = None,
) -> Path:
    """Train the base of the same run on the log's hindsight pairs; returns the stage's folder. Give `opened` and
    `log` if they are open already. Raises ModelError without a base for these documents, DataError
    for a log without pairs to train on or queries to validate on."""
    training = config.training
    with open_sources(config.run, opened, log) as sources:
        start = StageInput.read(sources, config.run.out / BASE, training.caution, training.validate_by)
        start = start.with_typed_words()
    pairs, examples = _material(training, start, corrections=start.validation.corrections)
    trained = train_warm_start(
        start.policy,
        examples,
        training,
        lambda policy: sharpened_score(start.validation, start.model.with_policy(policy).reader(), *TRIAL_BLENDS),
        start.model.target_loss(training.document_weight),
        progress,
    )
    drop_checkpoint(config.run.out)  # an interrupted PPO run started from the warm start that is replaced
    figures = {
        "pairs": float(len(pairs)),
        "examples": float(len(examples)),
        "best_epoch": float(trained.best_epoch),
        "validation_start": trained.scores[0],
    }
    choice = start.validation.choose_blend(start.model.reader(), units_of(progress))
    outcome = StageOutcome(training, choice, figures)
    return start.write(config.run.out / WARM_START, outcome)


def refit(
    config: WarmStartStage,
    twin: Path,
    opened: OpenedCollection,
    sides: LogSides,
    progress: Progress | None = None,
    epochs: int | None = None,
) -> Path:
    """Train the base of the run on the training sessions of `sides` with the choices of `twin`, a folder of this
    stage: as many steps on the same schedule, the same blend, and no validation. `epochs` of the twin's size take the
    place of its best. Returns the stage's folder. Raises as `main`."""
    training, record = config.training, read_stage(twin)
    start = StageInput.read(Sources(opened, sides, config.run.split_key), config.run.out / BASE).with_typed_words()
    pairs, examples = _material(training, start, corrections=record.blend.corrections)
    an_epoch = _steps_of_epoch(int(record.figures["examples"]), training)
    loss = start.model.target_loss(training.document_weight)
    course = WarmStartCourse(start.policy, examples, training, loss, training.epochs * an_epoch, progress)
    passes = int(record.figures["best_epoch"]) if epochs is None else epochs
    course.train(islice(course.batches(), passes * an_epoch))
    figures = {**record.figures, "pairs": float(len(pairs)), "examples": float(len(examples))}
    return start.write(config.run.out / WARM_START, StageOutcome.as_chosen(training, record, figures))


def train_further(
    config: WarmStartStage, stage: Path, opened: OpenedCollection, sides: LogSides, progress: Progress | None = None
) -> Path:
    """Train a folder of this stage in place on the training sessions of `sides`, for all epochs of the configuration
    and at least `LEAST_FURTHER` steps, with a schedule of its own and without validation. Returns the folder,
    unchanged if nothing can be learned from these sessions. Raises as `main`."""
    training, record = config.training, read_stage(stage)
    start = StageInput.read(Sources(opened, sides, config.run.split_key), stage)
    pairs = _pairs_of(training, start)
    examples = _examples(training, start, pairs, corrections=record.blend.corrections)
    if not examples:
        return stage
    steps = max(training.epochs * _steps_of_epoch(len(examples), training), LEAST_FURTHER)
    loss = start.model.target_loss(training.document_weight)
    course = WarmStartCourse(start.policy, examples, training, loss, steps, progress)
    course.train(islice(course.batches(), steps))
    return start.write(stage, StageOutcome.as_chosen(training, record, record.figures))


def _material(
    config: WarmStartConfig, start: StageInput, *, corrections: bool
) -> tuple[list[JudgedQuery], list[HindsightExample]]:
    """The pairs of the training sessions, and those that can be learned from. Raises DataError if there are none."""
    pairs = _pairs(config, start)
    examples = _examples(config, start, pairs, corrections=corrections)
    if not examples:
        raise DataError("The log holds no session whose clicked document a term could raise; log more sessions first")
    return pairs, examples


def _pairs(config: WarmStartConfig, start: StageInput) -> list[JudgedQuery]:
    """The pairs of the training sessions, followed by those of simulated sessions beside them, as many as there is
    room for."""
    return (_pairs_of(config, start) + clicked_queries(start.sides.simulated))[: config.max_pairs]


def _pairs_of(config: WarmStartConfig, start: StageInput) -> list[JudgedQuery]:
    """The pairs of the training sessions alone."""
    queries = queries_to_learn_from(start.opened, start.sides.training, config.learn_from)
    return queries[: config.max_pairs]


def _examples(
    config: WarmStartConfig, start: StageInput, pairs: Sequence[JudgedQuery], *, corrections: bool
) -> list[HindsightExample]:
    opened, language = start.opened, start.language
    settings = TargetSettings(config.candidate_terms, config.target_terms, config.gain_floor)
    maker = TargetMaker(start.scorer, term_weights(opened.index, language.vocabulary), settings)
    corrector = opened.spelling if corrections else None
    return make_examples(pairs, maker, language, opened.spelling, corrector)


def make_examples(
    pairs: Sequence[JudgedQuery],
    maker: TargetMaker,
    language: Language,
    spelling: Spelling,
    corrector: Spelling | None,
) -> list[HindsightExample]:
    """Render pairs and make their targets; pairs without a target are left out, see `TargetMaker.target`."""
    examples = []
    analysis = language.vocabulary.analysis
    for pair in pairs:
        prompt = language.prompt(pair.request, spelling)
        terms = retrieval_terms(pair.request.query, corrector, analysis)
        target = maker.target(pair, terms, prompt.query_ids)
        if target is not None and target.ids.size and not prompt.empty:
            examples.append(HindsightExample(prompt, target, maker.documents(pair)))
    return examples


def train_warm_start(
    policy: T5Policy,
    examples: Sequence[HindsightExample],
    config: WarmStartConfig,
    validation: Validation,
    loss: TargetLoss,
    progress: Progress | None = None,
) -> TrainedEpochs:
    """Train in place; the policy ends with the weights of the last epoch that validation cannot tell from
    the best."""
    an_epoch = _steps_of_epoch(len(examples), config)
    training = WarmStartCourse(policy, examples, config, loss, config.epochs * an_epoch, progress)
    batches, course = training.batches(), EpochValidation(policy, validation)
    for _ in range(config.epochs):
        training.train(islice(batches, an_epoch))
        course.validate()
        if course.stale >= config.patience:
            break
    return course.finish()


def _steps_of_epoch(n_examples: int, config: WarmStartConfig) -> int:
    """Number of batches of a pass, the last of which may be smaller."""
    return -(-n_examples // config.batch_size)


class WarmStartCourse:
    """The optimiser steps of a training, in place."""

    def __init__(
        self,
        policy: T5Policy,
        examples: Sequence[HindsightExample],
        config: WarmStartConfig,
        loss: TargetLoss,
        steps: int,
        progress: Progress | None,
    ) -> None:
        """`steps` is the length of the schedule of the learning rate, on which training may stop early."""
        self._policy, self._examples, self._config, self._loss = policy, examples, config, loss
        self._rng = np.random.default_rng(config.seed)
        torch.manual_seed(config.seed)
        groups = parameter_groups(policy, config.learning_rate, config.memory_learning_rate)
        self._optimizer = torch.optim.AdamW(groups, weight_decay=config.weight_decay)
        self._schedule = LinearWarmupDecay(self._optimizer, WARMUP_STEPS, steps, floor=0.05)
        self._steps, self._step, self._progress = steps, 0, progress

    def batches(self) -> Iterator[list[HindsightExample]]:
        """Batches without end; each pass takes every example once, in random order."""
        size = self._config.batch_size
        while True:
            order = self._rng.permutation(len(self._examples))
            for start in range(0, len(order), size):
                yield [self._examples[i] for i in order[start : start + size]]

    def train(self, batches: Iterable[Sequence[HindsightExample]]) -> None:
        """One step on each of some batches; the policy is left in evaluation mode."""
        policy = self._policy.train()
        for batch in batches:
            prompts = [drop_words(example.prompt, self._config.word_dropout, self._rng) for example in batch]
            targets = [example.target for example in batch]
            documents = [example.documents for example in batch]
            loss = self._loss(policy, policy.batch(prompts), targets, documents)
            value = descend(loss, policy, self._optimizer)
            self._schedule.step()
            self._step += 1
            if self._progress is not None:
                self._progress(self._step, self._steps, value)
        policy.eval()
