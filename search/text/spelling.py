"""Spelling correction with the corpus's own words, by the symmetric-delete index of symspellpy.

A word counts as misspelt if its index term occurs nowhere in the corpus and it is not a common English word. A word
that the index can match is therefore never changed, and "during" does not become "curing" only because no document
contains it. The library looks up single words. Words run together and words split in two are tried here, because the
library's compound lookup also rewrites known words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from symspellpy import SymSpell, Verbosity

from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole
from untilclick.search.text.analysis import term_of, words
from untilclick.search.text.term_index import TermIndex

FORMAT_VERSION = 1
"""Format of the saved file."""

PREFIX_LENGTH = 6
"""Leading letters that symspellpy indexes; a smaller number loads faster, a larger one looks up faster."""

FAR_LENGTH = 5
"""A word of this many letters may be two edits away from its correction, a shorter word one edit."""

PART_LENGTH = 3
"""Minimum length of either half when a word is split in two."""

MAX_WORDS = 64
"""A query of more words is taken for pasted text and not corrected."""

COMMON = 1_000_000
"""A word is common from this many occurrences in Google Books; 22,000 words are."""

SMALL_CORPUS = 1000
"""In a corpus of fewer documents every word is a candidate, in a larger one a word that occurs at least twice."""


@dataclass(frozen=True)
class _Dictionary:
    """The content of the saved file."""

    format: int
    min_count: int
    words: dict[str, int]
    """Surface word -> occurrences in the corpus."""


class SpellingCorrector:
    """Replaces words that the corpus lacks by similar words that it has. Read-only, so threads may share it."""

    def __init__(self, word_counts: Mapping[str, int], min_count: int = 1) -> None:
        """Index the words of a corpus.

        `word_counts` maps every surface word of the corpus except stop words to its number of occurrences. A word
        becomes a candidate if it consists of letters and occurs at least `min_count` times.
        """
        self._word_counts = dict(sorted(word_counts.items()))
        self._min_count = min_count
        self._terms = {term_of(word) for word in self._word_counts}
        self._common_words = _common_words()  # loaded here, so that the first misspelt query does not wait for it
        self._lookup = SymSpell(max_dictionary_edit_distance=2, prefix_length=PREFIX_LENGTH)
        for word, count in self._word_counts.items():
            if count >= min_count and word.isalpha():
                self._lookup.create_dictionary_entry(word, count)

    @classmethod
    def from_index(cls, index: TermIndex) -> SpellingCorrector:
        """The corrector for the corpus of a term index."""
        return cls(index.word_counts, min_count=1 if len(index.doc_ids) < SMALL_CORPUS else 2)

    def is_known(self, word: str) -> bool:
        """Whether the index can match the word. True for stop words, which the index leaves out on purpose."""
        term = term_of(word.lower())
        return term is None or term in self._terms

    def candidates(self, word: str, n: int) -> list[str]:
        """At most n corpus words similar to `word`, best first.

        Fewer edits come first, then words with the same first letter (few misspellings change it: Pollock & Zamora,
        CACM 1984), then more frequent words, then alphabetical order. The list holds one word per index term and
        never the word itself. It is empty for a common English word and for a word with a character that is not a
        letter.
        """
        word = word.lower()
        if not word.isalpha() or n <= 0 or word in self._common_words:
            return []
        suggestions = self._lookup.lookup(word, Verbosity.ALL, max_edit_distance=_max_edits(word))
        best: dict[str, str] = {}  # index term -> its best surface word
        for suggestion in sorted(suggestions, key=lambda s: (s.distance, s.term[0] != word[0], -s.count, s.term)):
            term = term_of(suggestion.term)
            if suggestion.term != word and term is not None:
                best.setdefault(term, suggestion.term)
        return list(best.values())[:n]

    def correct(self, query: str) -> str | None:
        """The query with its unknown words corrected, in lower case, with single spaces between the words.

        None if nothing was corrected or the query has more than MAX_WORDS words.
        """
        typed = words(query)
        if len(typed) > MAX_WORDS:
            return None
        corrected: list[str] = []
        i = 0
        while i < len(typed):
            joined = self._joined(typed, i)
            corrected.append(joined or self._corrected(typed[i]))
            i += 2 if joined else 1
        return None if corrected == typed else " ".join(corrected)

    def _joined(self, typed: list[str], i: int) -> str | None:
        """The corpus word that the i-th and the next word make together; None if both are known by themselves."""
        if i + 1 >= len(typed) or (self.is_known(typed[i]) and self.is_known(typed[i + 1])):
            return None
        joined = typed[i] + typed[i + 1]
        return joined if joined in self._word_counts else None

    def _corrected(self, word: str) -> str:
        """A corpus word one edit away, else the two corpus words it consists of, else a corpus word two edits away,
        else the word itself."""
        if self.is_known(word) or not word.isalpha() or word in self._common_words:
            return word
        nearest = next(iter(self.candidates(word, 1)), None)
        if nearest is not None and self._lookup.lookup(word, Verbosity.TOP, max_edit_distance=1):
            return nearest
        return self._split(word) or nearest or word

    def _split(self, word: str) -> str | None:
        """The word as two candidates; None without such a split. If several splits are possible, the split with the
        most frequent rarer half."""
        counts = self._lookup.words
        splits = [(word[:i], word[i:]) for i in range(PART_LENGTH, len(word) - PART_LENGTH + 1)]
        possible = [(min(counts[a], counts[b]), a, b) for a, b in splits if a in counts and b in counts]
        if not possible:
            return None
        _, first, second = max(possible)
        return f"{first} {second}"

    def save(self, path: Path) -> None:
        """Write the word counts as a JSON file."""
        dictionary = _Dictionary(FORMAT_VERSION, self._min_count, self._word_counts)
        write_whole(path, json.dumps(asdict(dictionary), ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> SpellingCorrector:
        """Read what `save` wrote. Raises ModelError if the file is missing or is not a spelling dictionary of this
        format."""
        try:
            dictionary = read_record(_Dictionary, path, ignore_unknown=True)
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: not a spelling dictionary ({error}). Export the model again") from error
        if dictionary.format != FORMAT_VERSION:
            problem = f"spelling dictionary of format {dictionary.format}, this build reads {FORMAT_VERSION}"
            raise ModelError(f"{path}: {problem}. Export the model again")
        return cls(dictionary.words, dictionary.min_count)


@cache
def _common_words() -> frozenset[str]:
    """The common English words of the frequency list that symspellpy ships."""
    path = files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    pairs = (line.split() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return frozenset(pair[0] for pair in pairs if len(pair) == 2 and int(pair[1]) >= COMMON)


def _max_edits(word: str) -> int:
    """The maximum number of edits between a misspelt word and a candidate."""
    return 2 if len(word) >= FAR_LENGTH else 1
