"""`1-en`, the analysis of the indexes and bundles that name none: made before analyses had names.

Text is split at characters that are neither letters nor digits; lower case; without Lucene's 33 English stop words;
Snowball stemmer. The steps run through tantivy's own analyser. Such indexes hold no field `aside`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

from untilclick.search.analysis.analysis import DocumentTerms, DocumentWords, PlacedKeyword, QueryTerms, Span
from untilclick.search.analysis.beginnings import candidate_words
from untilclick.search.analysis.normal_form import encodable

NAME = "1-en"

TANTIVY_NAME = "untilclick_en"
"""The name under which an index registers `text_analyzer()`. It is part of the name of an index folder."""

STOP_WORDS: tuple[str, ...] = (
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no", "not",
    "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to", "was",
    "will", "with",
)  # fmt: skip
"""Lucene's default English stop words."""

MAX_WORD_LENGTH = 255
"""Tokens of more UTF-8 bytes are not indexed."""

WORD_CHARACTERS = 32
"""A text of at most this many characters is taken for a word, and its terms are cached."""

_WORD = re.compile(r"[^\W_]+")


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


@lru_cache(maxsize=1 << 12)
def _is_letter(char: str) -> bool:
    """Whether the word splitter takes a character for a part of a word."""
    return bool(_word_splitter().analyze(encodable(char)))


@lru_cache(maxsize=1 << 16)
def _terms_of_word(text: str) -> tuple[str, ...]:
    return tuple(_shared_analyzer().analyze(encodable(text)))


@lru_cache(maxsize=1 << 18)
def _term_of(word: str) -> str | None:
    word_terms = _shared_analyzer().analyze(encodable(word))
    return word_terms[0] if len(word_terms) == 1 else None


class EnglishAnalysisV1:
    """`Analysis` `1-en`: words of letters and digits, Lucene's 33 English stop words, Snowball's stemmer."""

    name = NAME
    language = "en"
    languages = ("en",)

    def terms(self, text: str) -> list[str]:
        """See `Analysis.terms`."""
        return _shared_analyzer().analyze(encodable(text))

    def words(self, text: str) -> list[str]:
        """See `Analysis.words`."""
        return _word_splitter().analyze(encodable(text))

    def document_words(self, text: str) -> DocumentWords:
        """See `Analysis.document_words`."""
        return DocumentWords(Counter(self.words(text)), {})

    def term_of(self, word: str) -> str | None:
        """See `Analysis.term_of`."""
        return _term_of(word)

    def query(self, text: str) -> QueryTerms:
        """See `Analysis.query`. Nothing is searched in `aside`."""
        terms: Sequence[str] = _terms_of_word(text) if len(text) <= WORD_CHARACTERS else self.terms(text)
        return QueryTerms(terms)

    def document(self, text: str) -> DocumentTerms:
        """See `Analysis.document`. `aside` is empty."""
        return DocumentTerms(" ".join(self.terms(text)), "")

    def spans(self, text: str) -> Iterator[Span]:
        """See `Analysis.spans`."""
        for match in _WORD.finditer(text):
            if term := _term_of(match.group()):
                yield Span(match.start(), match.end(), (term,))

    def keywords(self, text: str) -> list[str]:
        """See `Analysis.keywords`."""
        return self.words(text)

    def placed_keywords(self, text: str) -> Iterator[PlacedKeyword]:
        """See `Analysis.placed_keywords`."""
        for in_word, places in groupby(range(len(text)), lambda place: _is_letter(text[place])):
            if in_word:
                word = list(places)
                start, end = word[0], word[-1] + 1
                yield PlacedKeyword(start, end, self.words(text[start:end])[0])

    def spans_of(self, text: str, terms: Collection[str]) -> Iterator[Span]:
        """See `Analysis.spans_of`."""
        for start, end in candidate_words(text, terms, _WORD):
            if (term := _term_of(text[start:end])) in terms and term:
                yield Span(start, end, (term,))

    def is_stop_word(self, word: str) -> bool:
        """See `Analysis.is_stop_word`."""
        return word in STOP_WORDS
