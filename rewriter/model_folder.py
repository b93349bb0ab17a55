"""Opening and saving a model folder whichever kind of policy it holds: over a corpus's terms, or over subwords."""

from __future__ import annotations

from pathlib import Path

from untilclick.rewriter.checkpoint import is_term_model, load_policy, save_policy
from untilclick.rewriter.language import Language, SubwordLanguage, TermLanguage
from untilclick.rewriter.policy import T5Policy
from untilclick.rewriter.subword import (
    SubwordVocabulary,
    load_subword,
    load_subword_stage,
    save_subword,
    save_subword_stage,
)
from untilclick.rewriter.subword_config import is_subword_stage
from untilclick.rewriter.vocabulary import TermVocabulary


def open_model(folder: Path) -> tuple[T5Policy, TermVocabulary | SubwordVocabulary]:
    """The policy of a folder and its words, in evaluation mode. Raises ModelError when it is no model."""
    return load_policy(folder) if is_term_model(folder) else load_subword(folder)


def save_model(policy: T5Policy, vocabulary: TermVocabulary | SubwordVocabulary, folder: Path) -> None:
    """Write the policy into an existing folder."""
    if isinstance(vocabulary, TermVocabulary):
        save_policy(policy, vocabulary, folder)
    else:
        save_subword(policy, vocabulary, folder)


def open_rewriter(folder: Path) -> tuple[T5Policy, Language]:
    """The policy of a stage's folder and its language, in evaluation mode. Raises ModelError when it is no model."""
    if is_subword_stage(folder):
        return load_subword_stage(folder)
    policy, vocabulary = load_policy(folder)
    return policy, TermLanguage(vocabulary)


def save_rewriter(policy: T5Policy, language: Language, folder: Path) -> None:
    """Write the policy and its language into an existing folder."""
    if isinstance(language, SubwordLanguage):
        save_subword_stage(policy, language, folder)
    else:
        save_policy(policy, language.vocabulary, folder)
