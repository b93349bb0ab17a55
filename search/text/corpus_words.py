"""The words of a corpus, and the words near to a typed one by the symmetric-delete index of symspellpy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from symspellpy import SymSpell, Verbosity

PREFIX_LENGTH = 6
"""Leading letters that symspellpy indexes; a smaller number loads faster, a larger one looks up faster."""

FAR_LENGTH = 5
"""A word of this many letters may be two edits away from its correction, a shorter word one edit."""


class CorpusWords:
    """The surface words of a corpus. Read-only, so threads may share it."""

    def __init__(self, counts: Mapping[str, int], min_count: int, term_of: Callable[[str], str | None]) -> None:
        """Index the words.

        `counts` maps every surface word except stop words to its occurrences. A word becomes a candidate if it
        consists of letters and occurs at least `min_count` times. `term_of` gives the index term of a word, None for
        a stop word.
        """
        self.counts = dict(sorted(counts.items()))
        self._term_of = term_of
        self._terms = {term_of(word) for word in self.counts}
        self._n_occurrences = sum(self.counts.values())
        self._lookup = SymSpell(max_dictionary_edit_distance=2, prefix_length=PREFIX_LENGTH)
        for word, count in self.counts.items():
            if count >= min_count and word.isalpha():
                self._lookup.create_dictionary_entry(word, count)

    @property
    def candidates(self) -> Mapping[str, int]:
        """The words that may replace another, with their occurrences."""
        counts: Mapping[str, int] = self._lookup.words
        return counts

    def is_known(self, word: str) -> bool:
        """Whether the index can match a word in lower case. True for stop words, which it leaves out on purpose."""
        term = self._term_of(word)
        return term is None or term in self._terms

    def is_stop_word(self, word: str) -> bool:
        """Whether a word in lower case has no index term."""
        return self._term_of(word) is None

    def frequency(self, word: str) -> float:
        """The share of a corpus word among the occurrences of all words, in (0, 1]."""
        return self.counts[word] / self._n_occurrences

    def nearest(self, word: str) -> list[str]:
        """The candidates near to a word in lower case: one edit away, or two if the word has FAR_LENGTH letters.

        Fewer edits come first, then words with the same first letter, because few misspellings change it (Pollock &
        Zamora, CACM 27(4), 1984), then more frequent words, then alphabetical order. The list holds one word per
        index term and never the word itself.
        """
        edits = 2 if len(word) >= FAR_LENGTH else 1
        suggestions = self._lookup.lookup(word, Verbosity.ALL, max_edit_distance=edits)
        best: dict[str, str] = {}  # index term -> its best surface word
        for suggestion in sorted(suggestions, key=lambda s: (s.distance, s.term[0] != word[0], -s.count, s.term)):
            term = self._term_of(suggestion.term)
            if suggestion.term != word and term is not None:
                best.setdefault(term, suggestion.term)
        return list(best.values())

    def has_neighbour(self, word: str) -> bool:
        """Whether a candidate is one edit away from a word in lower case, or is that word."""
        return bool(self._lookup.lookup(word, Verbosity.TOP, max_edit_distance=1))
