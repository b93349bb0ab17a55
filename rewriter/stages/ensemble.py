"""Stage `mean`: several trained models serve as one, by the mean of their distributions, in a blend chosen for it.

Their folders are copied to RUN/mean/members/0/, 1/, ..., and the base of the first to RUN/base/ if there is none.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from untilclick.rewriter.config import EnsembleConfig, RunConfig
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.policy.models import RewriterModel
from untilclick.rewriter.serving.bundle import MEMBERS_FOLDER
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.stages.input import LogInput, Sources, StageInput, open_sources
from untilclick.rewriter.stages.record import (
    BASE,
    MEAN,
    MEMBER_STAGES,
    StageOutcome,
    latest_stage,
    load_stage,
    read_stage,
    replaced_stage,
)
from untilclick.rewriter.training.callbacks import Progress, units_of
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError, UntilclickError


@dataclass(frozen=True)
class EnsembleStage:
    """One run of the stage."""

    run: RunConfig
    training: EnsembleConfig


def main(
    config: EnsembleStage,
    opened: OpenedCollection | None = None,
    log: LogInput | None = None,
    progress: Progress | None = None,
) -> Path:
    """Choose the blend of the mean on the log's validation queries; returns the stage's folder. Give `opened` and
    `log` if they are open already. Raises UntilclickError for fewer than two models, ModelError
    for models of other documents or with different vocabularies."""
    folders = [latest_stage(Path(member), MEMBER_STAGES) for member in config.training.members]
    if len(folders) < 2:
        raise UntilclickError("A mean needs two models or more; name each with --of")
    with open_sources(config.run, opened, log, folders[0]) as sources:
        return _choose(config, folders, sources, progress)


def _choose(config: EnsembleStage, folders: Sequence[Path], sources: Sources, progress: Progress | None) -> Path:
    first = StageInput.read(sources, folders[0], config.training.caution)
    models = [first.model, *(load_stage(sources.opened, folder) for folder in folders[1:])]
    _check_splits(folders)
    _check_languages(folders, [model.language for model in models])
    _check_encoders(models)
    models = _reading_all(models)
    first = replace(first, model=models[0])
    reader = MeanLogits([model.reader() for model in models])
    choice = first.validation.choose_blend(reader, units_of(progress))
    outcome = StageOutcome(config.training, choice, {"members": float(len(folders))}, first.sides.record)
    with replaced_stage(sources.opened, config.run.out / MEAN, outcome) as new:
        for number, (folder, model) in enumerate(zip(folders, models, strict=True)):
            member = new / MEMBERS_FOLDER / str(number)
            shutil.copytree(folder, member)
            model.save(member)  # it may read more words than the model of the folder
    _take_base(config.run, folders[0])
    return config.run.out / MEAN


def _reading_all(models: Sequence[RewriterModel]) -> list[RewriterModel]:
    """Models that all read the outside words of each, so that they can share prompts."""
    vocabulary = models[0].language.vocabulary
    for model in models[1:]:
        vocabulary = vocabulary.with_outside(model.language.vocabulary.outside)
    return [model.reading_outside_of(vocabulary) for model in models]


def _take_base(run: RunConfig, member: Path) -> None:
    """Copy the base of a member into a run folder without one: the mean is judged against it."""
    base = member.parent / BASE
    if not (run.out / BASE).exists() and base.is_dir():
        shutil.copytree(base, run.out / BASE)


def _check_splits(folders: Sequence[Path]) -> None:
    """Raises ModelError for models that were trained on logs split in different ways: no need judges all of them."""
    learned = (record for record in map(read_stage, folders) if record.stage != BASE)
    if len({record.split and record.split.key for record in learned}) > 1:
        raise ModelError("The models were trained with different split keys; train them with the same one")


def _check_encoders(models: Sequence[RewriterModel]) -> None:
    """Raises ModelError for models that read different sentence encoders: a bundle carries one."""
    sentences = (model.policy.sentences for model in models)
    if len({each.encoder.card.digest for each in sentences if each is not None}) > 1:
        raise ModelError("The models read different sentence encoders; train them with the same one")


def _check_languages(folders: Sequence[Path], languages: Sequence[Language]) -> None:
    """Raises ModelError for languages with different index terms of documents; their outside words may differ."""
    remedy = "a mean needs models over index terms"
    members = zip(folders, languages, strict=True)
    vocabularies = [language.as_terms(folder, remedy).vocabulary for folder, language in members]
    for folder, vocabulary in zip(folders, vocabularies, strict=True):
        if vocabulary.terms != vocabularies[0].terms:
            raise ModelError(f"{folder} has other terms than {folders[0]}; train both with the same vocabulary")
