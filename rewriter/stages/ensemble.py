"""Stage `mean`: several trained models answer as one, in a blend chosen for their mean.

Their folders are copied into RUN/mean/members/0/, 1/, ...
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from untilclick.rewriter.config import EnsembleConfig, RunConfig
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.serving.bundle import MEMBERS_FOLDER
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.stages.input import Sources, StageInput, open_sources
from untilclick.rewriter.stages.record import MEAN, StageOutcome, latest_stage, load_stage, replaced_stage
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import ModelError, UntilclickError
from untilclick.search.records import Session


@dataclass(frozen=True)
class EnsembleStage:
    """One run of the stage."""

    run: RunConfig
    training: EnsembleConfig


def main(
    config: EnsembleStage, opened: OpenedCollection | None = None, sessions: Iterable[Session] | None = None
) -> Path:
    """Choose the blend of the mean on the log's validation queries; returns the folder of the stage. `opened` and
    `sessions` spare opening collection and log again. Raises UntilclickError for fewer than two models, ModelError
    for models that do not fit together or this corpus."""
    with open_sources(config.run, opened, sessions) as sources:
        return _choose(config, sources)


def _choose(config: EnsembleStage, sources: Sources) -> Path:
    folders = [latest_stage(Path(member)) for member in config.training.members]
    if len(folders) < 2:
        raise UntilclickError("A mean needs two models or more; name each with --of")
    first = StageInput.read(sources, folders[0], config.training.harm_limit)
    models = [first.model, *(load_stage(sources.opened, folder) for folder in folders[1:])]
    _check_languages(folders, [model.language for model in models])
    choice = first.validation.choose_blend(MeanLogits([model.reader() for model in models]))
    outcome = StageOutcome(config.training, choice, {"members": float(len(folders))})
    with replaced_stage(sources.opened, config.run.out / MEAN, outcome) as new:
        for place, folder in enumerate(folders):
            shutil.copytree(folder, new / MEMBERS_FOLDER / str(place))
    return config.run.out / MEAN


def _check_languages(folders: Sequence[Path], languages: Sequence[Language]) -> None:
    """Raises ModelError for languages that are not over the same terms."""
    opened = zip(folders, languages, strict=True)
    vocabularies = [one.as_terms(folder, "a mean is of models over index terms").vocabulary for folder, one in opened]
    for folder, vocabulary in zip(folders, vocabularies, strict=True):
        if vocabulary.terms != vocabularies[0].terms:
            raise ModelError(f"{folder} has other terms than {folders[0]}; train both with the same vocabulary")
