"""Spelling correction with the corpus's own words.

A word that the index can match is never changed. Whether another word is a mistake, and what was meant, is decided by
rules (`correction_rules.py`), of which a dictionary names the version. symspellpy looks up single words. Words run
together and words split in two are tried here, because the library's compound lookup also rewrites known words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name, english
from untilclick.search.errors import ModelError
from untilclick.search.files.json_records import read_record
from untilclick.search.files.whole_files import write_whole
from untilclick.search.text.corpus_words import CorpusWords
from untilclick.search.text.correction_rules import CorrectionRules, EvidenceRules, NearestRules, Typed
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
        self._min_count = min_count
        self._version: Version = rules or (1 if self.analysis.name == FIRST_NAME else 2)
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
        if n <= 0 or not word.isalpha():
            return []
        typed = self._typed(query, word)
        return [guess.word for guess in self._rules.meant(word, typed)[:n]] if word in typed.words else []

    def correct(self, query: str) -> str | None:
        """The query with its unknown words corrected, in lower case, with single spaces between the words.

        None if nothing was corrected or the query has more than MAX_WORDS words.
        """
        typed = self.analysis.keywords(query)
        if len(typed) > MAX_WORDS or all(self.is_known(word) for word in typed):
            return None
        whole = Typed(typed, deliberate_words(query))
        corrected: list[str] = []
        i = 0
        while i < len(typed):
            joined = self._joined(typed, i)
            corrected.append(joined or self._corrected(typed[i], whole))
            i += 2 if joined else 1
        return None if corrected == typed else " ".join(corrected)

    def _typed(self, query: str | None, word: str) -> Typed:
        """The query of a word as the rules read it; without a query, the word alone."""
        if query is None:
            return Typed((word,))
        return Typed(self.analysis.keywords(query)[:MAX_WORDS], deliberate_words(query))

    def _joined(self, typed: list[str], i: int) -> str | None:
        """The corpus word that the i-th and the next word make together; None if both are known by themselves."""
        if i + 1 >= len(typed) or (self.is_known(typed[i]) and self.is_known(typed[i + 1])):
            return None
        joined = typed[i] + typed[i + 1]
        return joined if joined in self._corpus.counts else None

    def _corrected(self, word: str, typed: Typed) -> str:
        """A corpus word one edit away, else the two corpus words it consists of, else a corpus word two edits away,
        else the word itself."""
        if self.is_known(word) or not word.isalpha():
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
