"""Spelling correction with the corpus's own words, by the symmetric-delete index of symspellpy.

A word is a mistake only where its index term occurs nowhere in the corpus and where it is no common English word:
what the index can match is never changed, and "during" does not become "curing" because no document says it.
Single words are looked up with the library; words run together or split are tried here, since the library's
compound lookup also rewrites words that are known.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from symspellpy import SymSpell, Verbosity

from untilclick.search.errors import ModelError
from untilclick.search.files.whole_files import write_whole
from untilclick.search.text.analysis import term_of, words
from untilclick.search.text.term_index import TermIndex

FORMAT_VERSION = 1
"""Of the saved file."""

PREFIX_LENGTH = 6
"""Leading letters that symspellpy indexes; shorter is quicker to load, longer quicker to look up."""

FAR_LENGTH = 5
"""Words of this many letters may be two edits away, shorter ones one."""

PART_LENGTH = 3
"""Least length of either half when a word is split in two."""

MAX_WORDS = 64
"""Longer queries are pasted text and are left as they are."""

COMMON = 1_000_000
"""Occurrences in Google's books from which on a word is common; 22,000 words are."""

SMALL_CORPUS = 1000
"""Below this many documents every word of the corpus is a candidate, above it those that occur at least twice."""


class SpellingCorrector:
    """Finds corpus words near a word that the corpus lacks. Read-only after construction; may be shared."""

    def __init__(self, word_counts: Mapping[str, int], min_count: int = 1) -> None:
        """`word_counts` holds every surface word of the corpus with its number of occurrences (stop words aside);
        those of at least `min_count` occurrences and without digits become candidates."""
        self._word_counts = dict(sorted(word_counts.items()))
        self._min_count = min_count
        self._terms = {term_of(word) for word in self._word_counts}
        self._common_words = _common_words()  # now, so that the first misspelt query need not wait for it
        self._lookup = SymSpell(max_dictionary_edit_distance=2, prefix_length=PREFIX_LENGTH)
        for word, count in self._word_counts.items():
            if count >= min_count and word.isalpha():
                self._lookup.create_dictionary_entry(word, count)

    @classmethod
    def from_index(cls, index: TermIndex) -> SpellingCorrector:
        """The corrector of a corpus."""
        return cls(index.word_counts, min_count=1 if len(index.doc_ids) < SMALL_CORPUS else 2)

    def known(self, word: str) -> bool:
        """Whether the index can match the word; True for stop words, which it leaves out on purpose."""
        term = term_of(word.lower())
        return term is None or term in self._terms

    def candidates(self, word: str, n: int) -> list[str]:
        """At most n corpus words near `word`, best first: fewer edits, then the same first letter (few mistakes touch
        it: Pollock & Zamora, CACM 1984), then more occurrences, then the alphabet.

        One word per index term, never the word itself. A common English word, and one with anything but letters,
        gives an empty list.
        """
        word = word.lower()
        if not word.isalpha() or n <= 0 or word in self._common_words:
            return []
        found = self._lookup.lookup(word, Verbosity.ALL, max_edit_distance=_reach(word))
        best: dict[str, str] = {}
        for item in sorted(found, key=lambda i: (i.distance, i.term[0] != word[0], -i.count, i.term)):
            term = term_of(item.term)
            if item.term != word and term is not None:
                best.setdefault(term, item.term)
        return list(best.values())[:n]

    def correct(self, query: str) -> str | None:
        """The query with its unknown words corrected, lower-cased, words parted by single spaces; None where nothing
        changed or the query is longer than MAX_WORDS."""
        given = words(query)
        if len(given) > MAX_WORDS:
            return None
        corrected: list[str] = []
        i = 0
        while i < len(given):
            joined = self._joined(given, i)
            corrected.append(joined or self._corrected(given[i]))
            i += 2 if joined else 1
        return None if corrected == given else " ".join(corrected)

    def _joined(self, given: list[str], i: int) -> str | None:
        """Two neighbours as one corpus word, where at least one of them is unknown by itself."""
        if i + 1 >= len(given) or (self.known(given[i]) and self.known(given[i + 1])):
            return None
        joined = given[i] + given[i + 1]
        return joined if joined in self._word_counts else None

    def _corrected(self, word: str) -> str:
        """One word: a corpus word one edit away, else two corpus words run together, else one two edits away."""
        if self.known(word) or not word.isalpha() or word in self._common_words:
            return word
        nearest = next(iter(self.candidates(word, 1)), None)
        if nearest is not None and self._lookup.lookup(word, Verbosity.TOP, max_edit_distance=1):
            return nearest
        return self._split(word) or nearest or word

    def _split(self, word: str) -> str | None:
        """The split whose rarer half is most frequent; None where no split gives two candidates."""
        counts = self._lookup.words
        splits = [(word[:i], word[i:]) for i in range(PART_LENGTH, len(word) - PART_LENGTH + 1)]
        possible = [(min(counts[a], counts[b]), a, b) for a, b in splits if a in counts and b in counts]
        if not possible:
            return None
        _, first, second = max(possible)
        return f"{first} {second}"

    def save(self, path: Path) -> None:
        """Write the word counts as JSON text."""
        content = {"format": FORMAT_VERSION, "min_count": self._min_count, "words": self._word_counts}
        write_whole(path, json.dumps(content, ensure_ascii=False))

    @classmethod
    def load(cls, path: Path) -> SpellingCorrector:
        """Read what `save` wrote. Raises `ModelError` where the file is missing or is something else."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            version, counts, min_count = content["format"], content["words"], int(content["min_count"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: no spelling dictionary ({error}). Export the model again") from error
        if version != FORMAT_VERSION or not isinstance(counts, dict):
            problem = f"spelling dictionary of format {version}, this build reads {FORMAT_VERSION}"
            raise ModelError(f"{path}: {problem}. Export the model again")
        return cls({str(word): int(count) for word, count in counts.items()}, min_count)


@cache
def _common_words() -> frozenset[str]:
    """From the word list that symspellpy brings."""
    path = files("symspellpy") / "frequency_dictionary_en_82_765.txt"
    pairs = (line.split() for line in path.read_text(encoding="utf-8-sig").splitlines())
    return frozenset(pair[0] for pair in pairs if len(pair) == 2 and int(pair[1]) >= COMMON)


def _reach(word: str) -> int:
    """How many edits away a candidate may be."""
    return 2 if len(word) >= FAR_LENGTH else 1
