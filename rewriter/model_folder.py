"""Opening and saving a model folder whichever kind of policy it holds: over a corpus's terms, or over subwords."""

from __future__ import annotations

from pathlib import Path

from rewriter.checkpoint import is_term_model, load_policy, save_policy
from rewriter.policy import T5Policy
from rewriter.subword import SubwordVocabulary, load_subword, save_subword
from rewriter.vocabulary import TermVocabulary


def open_model(folder: Path) -> tuple[T5Policy, TermVocabulary | SubwordVocabulary]:
    """The policy of a folder and its words, in evaluation mode. Raises ModelError when it is no model."""
    return load_policy(folder) if is_term_model(folder) else load_subword(folder)


def save_model(policy: T5Policy, vocabulary: TermVocabulary | SubwordVocabulary, folder: Path) -> None:
    """Write the policy into an existing folder."""
    if isinstance(vocabulary, TermVocabulary):
        save_policy(policy, vocabulary, folder)
    else:
        save_subword(policy, vocabulary, folder)
