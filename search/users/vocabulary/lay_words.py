"""The names that people use for a concept of the documents, with the share of people who use each.

A vocabulary belongs to a corpus and not to a user: what many users type for the same thing is what a log can teach.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class LayWord(NamedTuple):
    """A name that people use for a concept which the documents name otherwise."""

    text: str
    """One or a few lower-case words, separated by spaces."""
    share: float
    """Probability in [0, 1] that a person calls the concept so. The shares of a concept's lay words add up to 1 at
    most; the rest of the people use the documents' own word."""


class Vocabulary(Protocol):
    """What the people of a site call the concepts of its documents. Threads may share it."""

    def of(self, word: str) -> tuple[LayWord, ...]:
        """The lay words of the concept that a lower-case word of the documents stands for, most used first. Empty if
        none is sure."""

    def definition(self, word: str) -> tuple[str, ...]:
        """The content words of the definition of that concept, in order. Empty if its sense is not sure."""


class NoVocabulary:
    """A vocabulary without any lay word: people call everything as the documents do."""

    def of(self, word: str) -> tuple[LayWord, ...]:  # noqa: ARG002
        """Always empty."""
        return ()

    def definition(self, word: str) -> tuple[str, ...]:  # noqa: ARG002
        """Always empty."""
        return ()
