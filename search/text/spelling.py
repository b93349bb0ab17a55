"""Spelling correction with the corpus's own words.

A word that the index can match stays, unless it makes one word of the corpus with an unknown neighbour (`micro
phone`). For any other word, rules decide whether it is a mistake and which word was meant (`correction_rules.py`);
the saved dictionary names their version. symspellpy looks up single words (`corpus_words.py`). This module joins
words that were split in two and splits words that were run together, because the library's compound lookup also
rewrites known words. Runs of scripts without spaces are never changed: another character makes another word, not a
misspelling.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name, english, is_first
from untilclick.search.analysis.normal_form import normalised
from untilclick.search.analysis.scripts import script_of
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole
from untilclick.search.text.corpus_words import CorpusWords
from untilclick.search.text.correction_rules import CorrectionRules, EvidenceRules, NearestRules, TypedQuery
from untilclick.search.text.term_index import TermIndex
from untilclick.search.text.typed_words import deliberate_words

FORMAT_VERSION = 1
"""Format of the saved file."""

Version = Literal[1, 2]
"""Version of the rules: `NearestRules`, `EvidenceRules`."""

PART_LENGTH = 3
"""Minimum length of either half when a word is split in two."""

MAX_WORDS = 64
"""A query of more words is taken for pasted text and not corrected."""

SMALL_CORPUS = 1000
"""In a corpus of fewer documents every word is a candidate, in a larger one a word that occurs at least twice."""

_GAP = re.compile(r"\s+|[-\u2010\u2011_.]")
"""Matches what may stand between two typed words that are one word of the corpus."""


class _Correction(NamedTuple):
    """The correction of one typed word, or of two that make one word together."""

    first: int
    """Number of the first of the words."""
    n_words: int
    text: str


@dataclass(frozen=True)
class _Dictionary:
    """The content of the saved file."""

    format: int
    min_count: int
    words: dict[str, int]
    """Surface word -> occurrences in the corpus."""
    rules: Version = 1
    """Version of the rules; files without it were written before there was a second."""
    analysis: str = FIRST_NAME
    """Name of the analysis that the words come from."""


class SpellingCorrector:
    """Replaces words that the corpus lacks by similar words that it has. Read-only, so threads may share it."""

    def __init__(
        self,
        word_counts: Mapping[str, int],
        min_count: int = 1,
        analysis: Analysis | None = None,
        rules: Version | None = None,
    ) -> None:
        """Index the words of a corpus.

        `word_counts` maps every surface word of the corpus except stop words to its number of occurrences. A word
        becomes a candidate if it consists of letters and occurs at least `min_count` times. `analysis` is the one
        that the words come from, by default English's. `rules` is the version of the rules that tell a mistake from a
        correct word, by default the latest; with the first analysis, the first, as models of that time were trained.
        """
        self.analysis = analysis or english()
        self._is_first = is_first(self.analysis)
        self._min_count = min_count
        self._version: Version = rules or (1 if self._is_first else 2)
        self._corpus = CorpusWords(word_counts, min_count, self.analysis.term_of)
        first = self._version == 1
        self._rules: CorrectionRules = NearestRules(self._corpus) if first else EvidenceRules(self._corpus)

    @classmethod
    def from_index(cls, index: TermIndex, rules: Version | None = None) -> SpellingCorrector:
        """The corrector for the corpus of a term index."""
        min_count = 1 if len(index.doc_ids) < SMALL_CORPUS else 2
        return cls(index.word_counts, min_count, index.analysis, rules)

    def is_known(self, word: str) -> bool:
        """Whether the index can match the word. True for stop words, which the index leaves out on purpose."""
        return self._corpus.is_known(word.lower())

    def candidates(self, word: str, n: int, query: str | None = None) -> list[str]:
        """At most n corpus words that may have been meant by `word`, best first; empty if it is not taken for a
        mistake.

        `query` is the whole query as typed, from which the rules tell a mistake from a correct word that the corpus
        lacks; a part of one of its words, such as `py` of `NumPy`, has no candidates. The list holds one word per
        index term and never the word itself.
        """
        word = word.lower()
        if n <= 0 or not self._is_spelt(word):
            return []
        typed = self._typed(query, word)
        return [guess.word for guess in self._rules.meant(word, typed)[:n]] if word in typed.words else []

    def correct(self, query: str) -> str | None:
        """The query with its unknown words corrected, each in its place; the rest stays as typed. A correction keeps
        a leading capital, or all capitals.

        With the first analysis the corrected query is in lower case, with single spaces between its words. None if
        nothing was corrected or the query has more than MAX_WORDS words.
        """
        words = self.analysis.keywords(query)
        if len(words) > MAX_WORDS or all(self.is_known(word) for word in words):
            return None
        typed = TypedQuery(words, deliberate_words(normalised(query)))
        if self._is_first:
            corrections = list(self._corrections(typed, [" "] * len(words)))
            return _lower_case(words, corrections) if corrections else None
        corrected = self._in_place(query, typed)
        return None if corrected == query else corrected

    def _in_place(self, query: str, typed: TypedQuery) -> str:
        """The query with its corrections in their places. A word whose place is not exact stays."""
        places = list(self.analysis.placed_keywords(query))
        parts: list[str] = []
        end = 0
        for first, n_words, text in self._corrections(typed, [query[a.end : b.start] for a, b in pairwise(places)]):
            place = slice(places[first].start, places[first + n_words - 1].end)
            if self.analysis.keywords(query[place]) == typed.words[first : first + n_words]:
                parts += query[end : place.start], self._in_case_of(query[place], text)
                end = place.stop
        return "".join(parts) + query[end:]

    def _in_case_of(self, typed: str, word: str) -> str:
        """A word in lower case with the capitals of what was typed: all, the first, or none."""
        if not typed[:1].isupper():
            return word
        if not {"tr", "az"}.isdisjoint(self.analysis.languages):
            word = word.replace("i", "İ") if typed.isupper() else re.sub("^i", "İ", word)
        return word.upper() if typed.isupper() else word[0].title() + word[1:]

    def _corrections(self, typed: TypedQuery, gaps: Sequence[str]) -> Iterator[_Correction]:
        """The corrections of a query in order; `gaps` is the text after each of its words but the last."""
        i = 0
        while i < len(typed.words):
            if (joined := self._joined(typed.words, gaps, i)) is not None:
                yield _Correction(i, 2, joined)
                i += 2
                continue
            corrected = self._corrected(typed.words[i], typed)
            if corrected != typed.words[i]:
                yield _Correction(i, 1, corrected)
            i += 1

    def _is_spelt(self, word: str) -> bool:
        """Whether a word in lower case consists of letters and can be misspelt."""
        return word.isalpha() and (self._is_first or script_of(word) != "bigrams")

    def _typed(self, query: str | None, word: str) -> TypedQuery:
        """The query of a word as the rules read it; without a query, the word alone."""
        if query is None:
            return TypedQuery((word,))
        return TypedQuery(self.analysis.keywords(query)[:MAX_WORDS], deliberate_words(query))

    def _joined(self, words: Sequence[str], gaps: Sequence[str], i: int) -> str | None:
        """The corpus word that the i-th and the next word make together; None if both are known by themselves, or
        other signs than a space or a hyphen are between them."""
        if i + 1 >= len(words) or (self.is_known(words[i]) and self.is_known(words[i + 1])):
            return None
        joined = words[i] + words[i + 1]
        if not self._corpus.counts.get(joined) or not _GAP.fullmatch(gaps[i]):
            return None
        return None if not self._is_first and script_of(joined) == "bigrams" else joined

    def _corrected(self, word: str, typed: TypedQuery) -> str:
        """A corpus word one edit away, else the two corpus words it consists of, else a corpus word two edits away,
        else the word itself."""
        if self.is_known(word) or not self._is_spelt(word):
            return word
        meant = next(iter(self._rules.meant(word, typed)), None)
        if meant is not None and meant.n_edits == 1:
            return meant.word
        split = self._split(word) if self._rules.may_be_split(word, typed) else None
        return split or (word if meant is None else meant.word)

    def _split(self, word: str) -> str | None:
        """The word as two candidates; None without such a split. If several splits are possible, the split with the
        most frequent rarer half."""
        counts = self._corpus.candidates
        splits = [(word[:i], word[i:]) for i in range(PART_LENGTH, len(word) - PART_LENGTH + 1)]
        possible = [(min(counts[a], counts[b]), a, b) for a, b in splits if a in counts and b in counts]
        if not possible:
            return None
        _, first, second = max(possible)
        return f"{first} {second}"

    def save(self, path: Path) -> None:
        """Write the word counts as a JSON file."""
        dictionary = _Dictionary(
            FORMAT_VERSION, self._min_count, self._corpus.counts, self._version, self.analysis.name
        )
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
        analysis = analysis_by_name(dictionary.analysis)
        return cls(dictionary.words, dictionary.min_count, analysis, dictionary.rules)


def _lower_case(words: Sequence[str], corrections: Sequence[_Correction]) -> str:
    """The words of a query with their corrections, separated by single spaces."""
    parts: list[str] = []
    end = 0
    for first, n_words, text in corrections:
        parts += *words[end:first], text
        end = first + n_words
    return " ".join([*parts, *words[end:]])
