"""The words of a text that a person would type into a search field, in any script, and the word of a bigram.

A run of a script without spaces is one word if it is short, as most Japanese and Korean ones are. A longer run, such
as a Chinese or Thai sentence, is cut into the bigrams that the most documents have and that do not overlap, because a
bigram inside of a word is in more documents than one across two words. (Sproat & Shih, "A Statistical Method for
Finding Word Boundaries in Chinese Text", Computer Processing of Chinese and Oriental Languages 4(4), 1990, choose
bigrams in this way by mutual information.) The words of all runs of a corpus then tell which bigram is a word, which
is a part of one word, and which is a fragment of several.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.by_name import is_first
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

WORD_SHARE = 0.5
"""Share of the runs with a bigram in which it must be a part of the same word, so that this word stands for it."""

FEWEST_RUNS = 2
"""Number of documents in which a bigram must be a run by itself, so that it counts as a word without that share."""

_CHINESE_FUNCTION_WORDS = re.compile("[的了是在和与與及或等这這那你我他它们們]+")
"""Chinese words of one character that say nothing about a need; runs of Chinese are cut there."""

_PERHAPS_RUN = re.compile("[^\x00-\u0dff\u1e00-\u2e7f]")
"""Matches every character of a run, and others, so that most texts of scripts with spaces need not be read."""

_UNCUT = frozenset({"KATAKANA", "KATAKANA-HIRAGANA", "HANGUL"})
"""Scripts whose runs are words: loan words, and words between spaces."""


class QueryWords:
    """Reads the words of texts of one corpus."""

    def __init__(
        self, analysis: Analysis, document_frequencies: Mapping[str, int], runs: Mapping[str, int] | None = None
    ) -> None:
        """`document_frequencies` holds the number of documents of each index term, `runs` that of each run of a
        script without spaces, see `runs_of`. Without runs, every piece of a long run counts as a word."""
        self._analysis = analysis
        self._document_frequencies = document_frequencies
        latin = [code for code in analysis.languages if LANGUAGES[code].script == "latin"]
        self._function_words = FUNCTION_WORDS if latin in ([], ["en"]) else frozenset[str]()
        self.whole_words: Mapping[str, str] = self._whole_words(runs or {})
        """Index term of a bigram of `runs` -> the word that it stands in; empty for a fragment of several words."""

    def of(self, text: str, n: int | None = None) -> Iterator[str]:
        """The words in lower case, in order, with repetitions; of the first n keywords.

        Documents of the corpus have all index terms of such a word.
        """
        for keyword in self._analysis.keywords(text)[:n]:
            yield from (word for word in self._pieces(keyword) if word == keyword or not self._is_fragment(word))

    def terms(self, word: str) -> tuple[str, ...]:
        """The index terms of a word."""
        return tuple(self._analysis.terms(word))

    def document_frequency(self, word: str) -> int:
        """The number of documents that have the rarest index term of a word."""
        return min(self._document_frequencies[term] for term in self._analysis.terms(word))

    def _whole_words(self, runs: Mapping[str, int]) -> dict[str, str]:
        """Index term of each bigram of the runs -> the word that it mostly stands in; empty if there is no such
        word."""
        total: Counter[str] = Counter()  # of a bigram: runs that have it, once for each of their documents
        words: defaultdict[str, Counter[str]] = defaultdict(Counter)  # the same for each word that has it
        for run, n in runs.items():
            total.update(dict.fromkeys(self._analysis.words(run), n))
            for word in set(self._pieces(run)):
                for bigram in set(self._analysis.words(word)):
                    words[bigram][word] += n
        whole_words: dict[str, str] = {}
        for bigram, n in total.items():
            word, n_of_word = min(words[bigram].items(), key=lambda item: (-item[1], item[0]), default=("", 0))
            term = self._analysis.term_of(bigram)
            if term is not None:
                alone = bigram if word and runs.get(bigram, 0) >= FEWEST_RUNS else ""
                whole_words[term] = word if n_of_word >= WORD_SHARE * n else alone
        return whole_words

    def _is_fragment(self, bigram: str) -> bool:
        """Whether a bigram of a long run is not a word by itself."""
        term = self._analysis.term_of(bigram)
        return term is not None and self.whole_words.get(term, bigram) != bigram

    def _pieces(self, keyword: str) -> Iterator[str]:
        """The words in a keyword, among them fragments of a long run."""
        return filter(self._is_typed, self._cut(keyword))

    def _is_typed(self, word: str) -> bool:
        """Whether a word could be a word of a query."""
        if not _is_word(word) or word in self._function_words or not self._is_indexed(word):
            return False
        if script_of(word) != "bigrams":
            return len(word) >= FEWEST_LETTERS
        # Japanese function words and endings are in Hiragana; its other words mostly are not. A single Han character
        # is the stem of a verb, or what is left of a run.
        script = script_name(word[0])
        return script != "HIRAGANA" and (len(word) > 1 or script == "HANGUL")

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


def runs_of(analysis: Analysis, text: str) -> set[str]:
    """The distinct runs of scripts without spaces in a text; none with the first analysis, which takes them for
    words."""
    if text.isascii() or is_first(analysis) or not _PERHAPS_RUN.search(text):
        return set()
    return {keyword for keyword in analysis.keywords(text) if script_of(keyword) == "bigrams"}


def count_runs(analysis: Analysis, texts: Iterable[str]) -> Counter[str]:
    """The number of texts that have each run."""
    return Counter(run for text in texts for run in runs_of(analysis, text))


def _is_word(text: str) -> bool:
    """Whether a text consists of letters and the marks on them."""
    return text.isalpha() or (
        text[:1].isalpha() and all(c.isalpha() or unicodedata.category(c)[0] == "M" for c in text)
    )
