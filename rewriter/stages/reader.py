"""A trained stage as a rewriter: one model, or the mean of several."""

from __future__ import annotations

from pathlib import Path

from untilclick.rewriter.language.language import Language
from untilclick.rewriter.policy.models import open_rewriter
from untilclick.rewriter.serving.ensemble import MeanLogits
from untilclick.rewriter.serving.term_rewriter import NextTermLogits, Spelling, TermRewriter
from untilclick.rewriter.stages.record import member_folders, read_stage
from untilclick.search.engines.protocol import SearchEngine


def open_reader(folder: Path) -> tuple[NextTermLogits, Language]:
    """The distribution over index terms that the models of a stage give, and their language. Raises ModelError when
    one of them is no model."""
    models = [open_rewriter(member) for member in member_folders(folder) or [folder]]
    readers = [model.reader() for model in models]
    return (readers[0] if len(readers) == 1 else MeanLogits(readers)), models[0].language


def stage_rewriter(folder: Path, spelling: Spelling, engine: SearchEngine) -> TermRewriter:
    """A rewriter on a stage's models, in the blend chosen for them."""
    read, language = open_reader(folder)
    return TermRewriter("unexported", read, language, spelling, engine, read_stage(folder).blend)
