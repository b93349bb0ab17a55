"""The words of a text that a person would type into a search field, in any script.

A run of a script without spaces is one word if it is short, as most Japanese and Korean ones are. A longer run, such
as a Chinese or Thai sentence, is cut into the bigrams that the most documents have and that do not overlap, because a
bigram inside of a word is in more documents than one across two words. (Sproat & Shih, "A Statistical Method for
Finding Word Boundaries in Chinese Text", 1990, choose bigrams in this way by mutual information.)
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.languages import LANGUAGES
from untilclick.search.analysis.scripts import script_name, script_of

FUNCTION_WORDS = frozenset({
    "about", "after", "all", "also", "any", "been", "before", "being", "between", "both", "can", "could",
    "does", "done", "each", "either", "else", "even", "ever", "every", "from", "given", "gives", "had", "has",
    "have", "how", "however", "its", "itself", "just", "like", "made", "make", "makes", "may", "more", "most",
    "must", "neither", "none", "nor", "now", "once", "one", "only", "other", "otherwise", "our", "out", "over",
    "own", "same", "set", "should", "since", "so", "some", "still", "than", "them", "those", "through", "thus",
    "too", "under", "until", "upon", "use", "used", "uses", "using", "very", "via", "want", "were", "what",
    "when", "where", "whether", "which", "while", "who", "whose", "why", "within", "without", "would", "yet",
    "you", "your",
})  # fmt: skip
"""English words that say nothing about a need. The stop words of the index are another list."""

FEWEST_LETTERS = 3
"""Shorter words of a script with spaces are not typed alone."""

LONGEST_RUN = 4
"""A run of more characters is cut."""

_CHINESE_FUNCTION_WORDS = re.compile("[的了是在和与與及或等这這那你我他它们們]+")
"""Chinese words of one character that say nothing about a need; runs of Chinese are cut there."""

_UNCUT = frozenset({"KATAKANA", "KATAKANA-HIRAGANA", "HANGUL"})
"""Scripts whose runs are words: loan words, and words between spaces."""


class QueryWords:
    """Reads the words of texts of one corpus."""

    def __init__(self, analysis: Analysis, document_frequencies: Mapping[str, int]) -> None:
        """`document_frequencies` holds the number of documents of each index term."""
        self._analysis = analysis
        self._document_frequencies = document_frequencies
        latin = [code for code in analysis.languages if LANGUAGES[code].script == "latin"]
        self._function_words = FUNCTION_WORDS if latin in ([], ["en"]) else frozenset[str]()

    def of(self, text: str, n: int | None = None) -> Iterator[str]:
        """The words in lower case, in order, with repetitions; of the first n keywords.

        Documents of the corpus have all index terms of such a word.
        """
        for keyword in self._analysis.keywords(text)[:n]:
            yield from filter(self._is_typed, self._cut(keyword))

    def terms(self, word: str) -> tuple[str, ...]:
        """The index terms of a word."""
        return tuple(self._analysis.terms(word))

    def rarest(self, word: str) -> int:
        """The number of documents that have the rarest index term of a word."""
        return min(self._document_frequencies[term] for term in self._analysis.terms(word))

    def _is_typed(self, word: str) -> bool:
        """Whether a word could be a word of a query."""
        if not _is_word(word) or word in self._function_words or not self._is_indexed(word):
            return False
        # Japanese function words and endings are in Hiragana; its other words mostly are not.
        return script_name(word[0]) != "HIRAGANA" if script_of(word) == "bigrams" else len(word) >= FEWEST_LETTERS

    def _is_indexed(self, word: str) -> bool:
        """Whether documents have all index terms of a word; not so for what is left of a run that was cut."""
        terms = self._analysis.terms(word)
        return bool(terms) and all(term in self._document_frequencies for term in terms)

    def _cut(self, keyword: str) -> list[str]:
        """A keyword, or the words in a run of a script without spaces, in order."""
        if script_of(keyword) != "bigrams" or script_name(keyword[0]) in _UNCUT:
            return [keyword]
        if "zh" in self._analysis.languages:
            runs = _CHINESE_FUNCTION_WORDS.split(keyword)
            return [word for run in runs for word in self._bigrams(run)]
        return self._bigrams(keyword)

    def _bigrams(self, run: str) -> list[str]:
        """A run, or its bigrams if it is long."""
        bigrams = self._analysis.words(run)
        if len(bigrams) < LONGEST_RUN:
            return [run]
        chosen: set[int] = set()
        for i in sorted(range(len(bigrams)), key=lambda i: -self._document_frequencies.get(bigrams[i], 0)):
            if chosen.isdisjoint((i - 1, i + 1)):
                chosen.add(i)
        return [bigrams[i] for i in sorted(chosen)]


def _is_word(text: str) -> bool:
    """Whether a text consists of letters and the marks on them."""
    return text.isalpha() or (
        text[:1].isalpha() and all(c.isalpha() or unicodedata.category(c)[0] == "M" for c in text)
    )
