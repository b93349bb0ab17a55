"""A trained stage as what a rewriter asks: one model, or the mean of several."""

from __future__ import annotations

from pathlib import Path

from untilclick.rewriter.language import Language
from untilclick.rewriter.mean_logits import MeanLogits
from untilclick.rewriter.model_folder import open_rewriter
from untilclick.rewriter.policy_rewriter import reader
from untilclick.rewriter.stage_record import member_folders, read_stage
from untilclick.rewriter.term_rewriter import NextTermLogits, Spelling, TermRewriter
from untilclick.search.engine import SearchEngine


def open_reader(folder: Path) -> tuple[NextTermLogits, Language]:
    """What the models of a stage say of terms, and their language. Raises ModelError when one is no model."""
    opened = [open_rewriter(member) for member in member_folders(folder) or [folder]]
    readers = [reader(policy, language) for policy, language in opened]
    return (readers[0] if len(readers) == 1 else MeanLogits(readers)), opened[0][1]


def stage_rewriter(folder: Path, spelling: Spelling, engine: SearchEngine) -> TermRewriter:
    """A rewriter on a stage's models, in the blend chosen for them."""
    read, language = open_reader(folder)
    return TermRewriter("unexported", read, language, spelling, engine, read_stage(folder).blend)
