"""Opens a trained stage as a rewriter: one model, or the mean of several."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from untilclick.rewriter.language.language import Language
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.serving.term_rewriter import NextTermLogits, Spelling, TermRewriter
from untilclick.rewriter.stages.record import member_folders, read_stage
from untilclick.search.engines.protocol import SearchEngine


class StageReader(NamedTuple):
    """The models of a stage, opened."""

    read: NextTermLogits
    """Gives the distribution over index terms, the mean one of several models."""
    language: Language


def open_reader(folder: Path) -> StageReader:
    """Open the models of a stage. Raises ModelError for a folder without a model."""
    models = [open_rewriter(member) for member in member_folders(folder) or [folder]]
    readers = [model.reader() for model in models]
    return StageReader(readers[0] if len(readers) == 1 else MeanLogits(readers), models[0].language)


def stage_rewriter(
    folder: Path, spelling: Spelling, engine: SearchEngine, blend: BlendSettings | None = None
) -> TermRewriter:
    """A rewriter with a stage's models, in the blend chosen for them or in another one."""
    read, language = open_reader(folder)
    return TermRewriter("unexported", read, language, spelling, engine, blend or read_stage(folder).blend)
