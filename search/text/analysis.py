"""Text to index terms, in the same way for all engines, the policy's vocabulary and the spelling dictionary.

The steps are those that tantivy runs inside its index: split at characters that are neither letters nor digits, lower
case, remove English stop words, Snowball stemmer. They run through tantivy's own analyser, so that there is no second
implementation that could differ from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

ANALYZER_NAME = "untilclick_en"
"""The name under which an index registers `text_analyzer()`. It is part of the name of an index folder."""

STOP_WORDS: tuple[str, ...] = (
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not",
    "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was",
    "will", "with",
)  # fmt: skip
"""Lucene's default English stop words, which OpenSearch also has under a name."""

WORD_CHARACTERS = 32
"""A text of at most this many characters is taken for a word, and its terms are cached."""

MAX_WORD_LENGTH = 255
"""Tokens of more UTF-8 bytes are not indexed."""


def text_analyzer() -> TextAnalyzer:
    """A new tantivy analyser with the steps above, to register in an index or to call directly."""
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
    """The index terms of a text, in order, with repetitions. An empty text gives an empty list."""
    return _shared_analyzer().analyze(text.encode("utf-8", "replace").decode("utf-8"))


def words(text: str) -> list[str]:
    """The words of a text in lower case, in order, with stop words and repetitions.

    They are separated as index terms are, so a word has at most one index term. An empty text gives an empty list.
    """
    return _word_splitter().analyze(text.encode("utf-8", "replace").decode("utf-8"))


def terms_of(text: str) -> Sequence[str]:
    """The same as `terms`, with a cache for short texts: the words of queries are analysed again and again."""
    return _terms_of_word(text) if len(text) <= WORD_CHARACTERS else terms(text)


@lru_cache(maxsize=1 << 16)
def _terms_of_word(text: str) -> tuple[str, ...]:
    return tuple(terms(text))


@lru_cache(maxsize=1 << 18)
def term_of(word: str) -> str | None:
    """The index term of one word. None for a stop word, an overlong word, and a text that is not one word."""
    word_terms = terms(word)
    return word_terms[0] if len(word_terms) == 1 else None
