"""Stage `mean`: several trained models answer as one, in a blend chosen for their mean.

Their folders are copied into RUN/mean/members/0/, 1/, ...
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from untilclick.rewriter.bundle import MEMBERS_FOLDER
from untilclick.rewriter.held_out import VALIDATION_SHARE, open_validation
from untilclick.rewriter.language import Language, TermLanguage
from untilclick.rewriter.mean_logits import MeanLogits
from untilclick.rewriter.policy_rewriter import reader
from untilclick.rewriter.stage_record import MEAN, latest_stage, load_stage, replaced_stage
from untilclick.rewriter.training_data import split_sessions
from untilclick.rewriter.workbench import Workbench
from untilclick.search.errors import ModelError, UntilclickError
from untilclick.search.records import Session


@dataclass(frozen=True)
class MeanConfig:
    """What the mean is of."""

    members: tuple[str, ...]
    """Folders of stages, or of runs, whose last stage is taken; two or more, over the same documents."""
    harm_limit: float | None = None
    """Largest share of the validation queries that the blend may harm; None for the usual (`validation.py`)."""


def run_mean(bench: Workbench, run: Path, sessions: Iterable[Session], config: MeanConfig) -> Path:
    """Choose the blend of the mean on the log's validation queries; returns the folder of the stage. Raises
    UntilclickError for fewer than two models, ModelError for models that do not fit together or this corpus."""
    folders = [latest_stage(Path(member)) for member in config.members]
    if len(folders) < 2:
        raise UntilclickError("A mean needs two models or more; name each with --of")
    opened = [load_stage(bench, folder) for folder in folders]
    language = _common_language(folders, [language for _, language in opened])
    scorer = bench.scorer(language.vocabulary)
    held_back = split_sessions(sessions, VALIDATION_SHARE).validation
    validation = open_validation(bench, held_back, scorer, language, config.harm_limit)
    choice = validation.choose_blend(MeanLogits([reader(policy, language) for policy, _ in opened]))
    figures = {"members": float(len(folders))}
    with replaced_stage(bench, run / MEAN, asdict(config), choice, figures) as new:
        for place, folder in enumerate(folders):
            shutil.copytree(folder, new / MEMBERS_FOLDER / str(place))
    return run / MEAN


def _common_language(folders: Sequence[Path], languages: Sequence[Language]) -> TermLanguage:
    """The language of all. Raises ModelError where they are not over the same terms."""
    first = languages[0]
    for folder, language in zip(folders, languages, strict=True):
        if not isinstance(language, TermLanguage) or not isinstance(first, TermLanguage):
            raise ModelError(f"{folder} is a subword T5; a mean is of models over index terms")
        if language.vocabulary.terms != first.vocabulary.terms:
            raise ModelError(f"{folder} has other terms than {folders[0]}; train both with the same vocabulary")
    assert isinstance(first, TermLanguage)
    return first
