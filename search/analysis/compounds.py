"""Parts of compound words ("Fahrradhelm" has "Fahrrad" and "Helm"), for German and Dutch, as an option.

The package compound-split scores each place of a split by character n-grams (Tuggener, "Incremental Coreference
Resolution for German", thesis, University of Zurich, 2016, section 5.3.3). It takes 5 s and several hundred MB to
load.
"""

from __future__ import annotations

from typing import Protocol

from untilclick.search.errors import MissingDependencyError

LANGUAGES = frozenset({"de", "nl"})
"""Languages whose compounds can be split."""

SHORTEST = 7
"""Words of fewer letters are not split."""

LONG = 12
"""From this length on a word is split at a lower score, because few simple words are so long."""

LEAST_SCORE, LEAST_SCORE_LONG = 0.3, -0.8
"""Minimum score of a split, between about -2 and 1."""


class Decompounder(Protocol):
    """Splits compound words."""

    def parts(self, word: str) -> list[str]:
        """The parts of a word in lower case, of all depths; empty for a word that is no compound."""


class CharSplit:
    """Splits compounds by character n-grams."""

    def __init__(self, language: str) -> None:
        """Load the n-grams of a language. Raises MissingDependencyError if compound-split is not installed."""
        try:
            from compound_split.char_split import split_compound  # noqa: PLC0415  optional, 5 s
        except ModuleNotFoundError:
            raise MissingDependencyError.of("compound-split", "compounds") from None
        self._split = split_compound
        self._language = language

    def parts(self, word: str) -> list[str]:
        """See `Decompounder.parts`."""
        if len(word) < SHORTEST or not word.isalpha():
            return []
        score, first, second = self._split(word, self._language)[0]
        if score < (LEAST_SCORE_LONG if len(word) >= LONG else LEAST_SCORE):
            return []
        halves = [first.lower(), second.lower()]
        return [part for half in halves for part in (half, *self.parts(half))]
