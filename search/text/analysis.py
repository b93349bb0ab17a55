"""Text to index terms, once for all engines, the policy's vocabulary and the spelling dictionary.

The chain is the one that tantivy runs inside its index (split on non-alphanumerics, lower case, English stop words,
Snowball stem), used through tantivy's own analyser so that no second implementation can drift from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

ANALYZER_NAME = "untilclick_en"
"""The name under which an index registers `text_analyzer()`; part of the index's fingerprint."""

STOP_WORDS: tuple[str, ...] = (
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not",
    "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was",
    "will", "with",
)  # fmt: skip
"""Lucene's default English stop words, so that an OpenSearch index can be given the same list by name."""

WORD_CHARACTERS = 32
"""Texts of at most this length are taken for words, whose analysis is kept."""

MAX_WORD_LENGTH = 255
"""Longer tokens (in UTF-8 bytes) are not indexed."""


def text_analyzer() -> TextAnalyzer:
    """A fresh tantivy analyser of the chain above, to be registered in an index or called directly."""
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    for step in (
        Filter.remove_long(MAX_WORD_LENGTH + 1),
        Filter.lowercase(),
        Filter.custom_stopword(list(STOP_WORDS)),
        Filter.stemmer("english"),
    ):
        builder = builder.filter(step)
    return builder.build()


@lru_cache(maxsize=1)
def _shared_analyzer() -> TextAnalyzer:
    return text_analyzer()


@lru_cache(maxsize=1)
def _word_splitter() -> TextAnalyzer:
    return TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.lowercase()).build()


def terms(text: str) -> list[str]:
    """Index terms of a text, in order, with repetitions; an empty text gives an empty list."""
    return _shared_analyzer().analyze(text.encode("utf-8", "replace").decode("utf-8"))


def words(text: str) -> list[str]:
    """Surface words of a text, lower-cased, stop words included, in order; what lies between them is what lies
    between index terms. An empty text gives an empty list."""
    return _word_splitter().analyze(text.encode("utf-8", "replace").decode("utf-8"))


def terms_of(text: str) -> Sequence[str]:
    """The same as `terms`, remembered where the text is as short as the words that are searched again and again."""
    return _terms_of_word(text) if len(text) <= WORD_CHARACTERS else terms(text)


@lru_cache(maxsize=1 << 16)
def _terms_of_word(text: str) -> tuple[str, ...]:
    return tuple(terms(text))


@lru_cache(maxsize=1 << 18)
def term_of(word: str) -> str | None:
    """The index term of one surface word, or None for a stop word, an overlong word or no word at all."""
    found = terms(word)
    return found[0] if len(found) == 1 else None
