"""Rules that tell misspellings from correct words that the corpus lacks, and choose the words that were meant.

`NearestRules`, version 1, take every word for a mistake that is not a common English word, and correct it to the
nearest word of the corpus. Models that were trained with them keep them. `EvidenceRules`, version 2, leave a word as
it is unless there is evidence of a mistake: most words that a corpus lacks are correct words of other fields and
languages.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple, Protocol

from untilclick.search.text.corpus_words import CorpusWords
from untilclick.search.text.lexicon import shipped_lexicon
from untilclick.search.text.typed_words import Letters, QueryContext, query_context, same_script
from untilclick.search.text.typo_model import evidence

COMMON = 1_000_000
"""For version 1 a word is common from this many occurrences in Google Books; 22,000 words are."""

WORD_ENDINGS = ("able", "ible", "less", "ness", "ful", "ing", "ment")
"""A word that ends in one of these is a derived word, such as `nullable`, and not two words run together."""

RANKED = 8
"""Number of near words that are compared by their edits."""

REMEMBERED = 1 << 12
"""Number of unknown words whose guesses are remembered."""


class TypedQuery(NamedTuple):
    """The query that an unknown word stands in."""

    words: Sequence[str]
    """All its words in lower case, the unknown word too."""
    deliberate: frozenset[str] = frozenset()
    """Words whose capitals show that they are meant as they are."""


class Guess(NamedTuple):
    """A word of the corpus that may have been meant."""

    word: str
    trust: float
    """Log odds that the typed word is a misspelling of this one, see `typo_model.Evidence`."""
    n_edits: int


class CorrectionRules(Protocol):
    """Decides which unknown words of queries are mistakes. All words are in lower case."""

    def meant(self, word: str, typed: TypedQuery) -> Sequence[Guess]:
        """The words that may have been meant, best first; empty if the word is not taken for a mistake."""

    def may_be_split(self, word: str, typed: TypedQuery) -> bool:
        """Whether the word may be two words run together."""


class NearestRules:
    """Version 1: every word is a mistake that is not a common English word."""

    def __init__(self, corpus: CorpusWords) -> None:
        """Read the list of common words, so that the first misspelt query does not wait for it."""
        self._corpus = corpus
        self._common_words = _common_words()

    def meant(self, word: str, typed: TypedQuery) -> Sequence[Guess]:  # noqa: ARG002 - version 1 sees no other words
        """The nearest words."""
        if not self._may_be_misspelt(word):
            return ()
        n_edits = 1 if self._corpus.has_neighbour(word) else 2
        return [Guess(nearest, 0.0, n_edits) for nearest in self._corpus.nearest(word)]

    def may_be_split(self, word: str, typed: TypedQuery) -> bool:  # noqa: ARG002 - version 1 sees no other words
        """Whether the word is of the kind that is corrected."""
        return self._may_be_misspelt(word)

    def _may_be_misspelt(self, word: str) -> bool:
        return word.isalpha() and word not in self._common_words


class Threshold(NamedTuple):
    """The trust above which an unknown word counts as misspelt, in log odds."""

    unlisted: float
    """For a word that the lexicon lacks."""
    listed: float
    """For a word of the lexicon."""


THRESHOLDS = {
    QueryContext.NONE: Threshold(-0.5, 4.0),
    QueryContext.FAMILIAR: Threshold(-1.8, 0.9),
    QueryContext.FOREIGN: Threshold(2.0, 9.0),
}
"""Chosen so that few correct words change, alone or among words of the corpus, and misspelt queries find as much as
with version 1; `python -m benchmarks.bench_spelling` prints both."""

EVIDENT = Threshold(1.0, 3.0)
"""The trust above which a word is a misspelling whatever the rest of its query is."""


class EvidenceRules:
    """Version 2: a word is a mistake if its edits are those of real misspellings (`typo_model.py`).

    More evidence is needed for a word of the lexicon (`lexicon.py`), and in a query whose other words the corpus
    lacks (`typed_words.py`).
    """

    def __init__(self, corpus: CorpusWords) -> None:
        """Read the lexicon, so that the first misspelt query does not wait for it."""
        self._corpus = corpus
        self._lexicon = shipped_lexicon()
        self._letters = Letters(corpus.candidates)
        self._guesses = lru_cache(maxsize=REMEMBERED)(self._ranked)

    def meant(self, word: str, typed: TypedQuery) -> Sequence[Guess]:
        """The near words by the likelihood of their edits and by frequency."""
        guesses = () if word in typed.deliberate else self._guesses(word)
        if not guesses:
            return ()
        return guesses if self._reaches(word, guesses, THRESHOLDS[self._context(word, typed.words)]) else ()

    def may_be_split(self, word: str, typed: TypedQuery) -> bool:
        """Whether the word is neither listed, nor derived from another, nor meant as it is."""
        is_whole = word in typed.deliberate or word.endswith(WORD_ENDINGS) or word in self._lexicon
        return not is_whole and self._may_be_misspelt(word)

    def _may_be_misspelt(self, word: str) -> bool:
        return word.isalpha() and not self._lexicon.is_common(word) and self._letters.spell(word)

    def _ranked(self, word: str) -> tuple[Guess, ...]:
        """The guesses for a word, best first."""
        if not self._may_be_misspelt(word):
            return ()
        near = [each for each in self._corpus.nearest(word) if same_script(word, each)][:RANKED]
        scores = {each: evidence(word, each, self._corpus.frequency(each)) for each in near}
        best = sorted(near, key=lambda each: (-scores[each].choice, each))
        return tuple(Guess(each, scores[each].trust, scores[each].n_edits) for each in best)

    def _reaches(self, word: str, guesses: tuple[Guess, ...], threshold: Threshold) -> bool:
        """Whether the trust of the best guess is above the threshold for the word."""
        return guesses[0].trust > (threshold.listed if word in self._lexicon else threshold.unlisted)

    def _context(self, word: str, typed: Sequence[str]) -> QueryContext:
        """The context of a word among the words of its query."""
        others = {other for other in typed if other != word and not self._corpus.is_stop_word(other)}
        unknown = {other for other in others if not self._corpus.is_known(other)}
        evident = sum(1 for other in unknown if self._is_evident(other))
        foreign = sum(1 for other in unknown if other in self._lexicon)
        return query_context(len(others), len(others) - len(unknown) + evident, foreign)

    def _is_evident(self, word: str) -> bool:
        """Whether a word is a misspelling whatever the rest of its query is."""
        guesses = self._guesses(word)
        return bool(guesses) and self._reaches(word, guesses, EVIDENT)


@cache
def _common_words() -> frozenset[str]:
    """The common English words of the frequency list that symspellpy ships."""
    path = files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    pairs = (line.split() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return frozenset(pair[0] for pair in pairs if len(pair) == 2 and int(pair[1]) >= COMMON)
