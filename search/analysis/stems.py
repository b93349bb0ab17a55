"""Stemmers and stop words of the languages in `languages.py`.

The stemmers are Snowball's (Porter, "Snowball: A language for stemming algorithms", 2001) by the library PyStemmer.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import Stemmer
from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from untilclick.search.analysis.languages import LANGUAGES

Stem = Callable[[str], str]
"""A word in lower case to its stem."""


@cache
def stemmer(code: str) -> Stem:
    """The stemmer of a language; for a language without one, a function that returns the word."""
    algorithm = LANGUAGES[code].stemmer
    return str if algorithm is None else Stemmer.Stemmer(algorithm, 0).stemWord


@cache
def stop_word_test(code: str) -> Callable[[str], bool]:
    """The function that tells whether a word in lower case is a stop word of a language."""
    language = LANGUAGES[code]
    listed = frozenset(language.stop_words.split())
    if language.stop_list is None:
        return listed.__contains__
    analyser = _stop_filter(language.stop_list)
    return lambda word: word in listed or not analyser.analyze(word)


def _stop_filter(name: str) -> TextAnalyzer:
    """An analyser that gives no token for a stop word."""
    return TextAnalyzerBuilder(Tokenizer.raw()).filter(Filter.stopword(name)).build()
