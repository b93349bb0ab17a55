"""The analysis of a corpus: which index terms a text has.

Everything that reads text reads it through one `Analysis`, which an index and a bundle name. Engines get ready terms,
in two fields. A query searches its terms in `body`. `aside` holds what only some queries read: whole forms such as
C++ and 3.11.2, which a query with such a form reads beside its pieces; single Chinese and Korean characters, read by
a query that has one by itself; and stop words, read by a query that consists of nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

NO_TERM = "-"
"""The term of a field of a document without any other term in that field.

The idf depends on the number of documents with the field. Lucene counts only documents that have a term in it, other
engines count all of them; with this term both numbers are equal. No query has it, because it is not a word."""


class QueryTerms(NamedTuple):
    """The terms that a query searches, in order, with repetitions."""

    body: Sequence[str]
    joined: Sequence[str] = ()
    """Joined forms of its words, such as `wifi` of Wi-Fi, searched in `body` at a lower weight."""
    aside: Sequence[str] = ()
    """Whole forms, and single characters of scripts without spaces."""
    stop_words: Sequence[str] = ()
    """Terms of `aside` that are searched only if the whole query has no other term."""


class DocumentTerms(NamedTuple):
    """The terms under which a document is indexed, separated by spaces. No term contains white space."""

    body: str
    aside: str
    """Whole forms and single characters, and the stop words of the document's beginning; each term once."""


class DocumentWords(NamedTuple):
    """The words under which a document is indexed, with their occurrences."""

    written: Mapping[str, int]
    """Words that stand in the document, and parts of its camelCase names."""
    made: Mapping[str, int]
    """Words that are put together or taken apart: `wifi` of Wi-Fi, `snakecase` of snake_case, `python` of python3."""


class Span(NamedTuple):
    """A word in a text, from the character at `start` to the one before `end`, with the index terms it stands for."""

    start: int
    end: int
    terms: Sequence[str]


class PlacedKeyword(NamedTuple):
    """A keyword of a text, as `Analysis.keywords` gives it, with its place: from the character at `start` to the one
    before `end`."""

    start: int
    end: int
    word: str


class Analysis(Protocol):
    """Text to index terms. Threads may share it."""

    @property
    def name(self) -> str:
        """Name by which `by_name` gives this analysis again, such as `2-de`."""

    @property
    def language(self) -> str:
        """ISO 639-1 code of the main language of the documents; `und` if it is not known."""

    @property
    def languages(self) -> Sequence[str]:
        """Codes of all languages of the documents, the main language first, one for each script."""

    def terms(self, text: str) -> list[str]:
        """The index terms of a text, in order, with repetitions. An empty text gives an empty list."""

    def words(self, text: str) -> list[str]:
        """The words of a text in lower case, in order, with stop words and repetitions.

        A word has at most one index term. In scripts without spaces the words are bigrams.
        """

    def document_words(self, text: str) -> DocumentWords:
        """The words of a document with their occurrences."""

    def term_of(self, word: str) -> str | None:
        """The index term of one word. None for a stop word, an overlong word, and a text that is not one word."""

    def query(self, text: str) -> QueryTerms:
        """The terms that a query searches."""

    def document(self, text: str) -> DocumentTerms:
        """The terms under which a document is indexed."""

    def spans(self, text: str) -> Iterator[Span]:
        """The words of a text with their places, in order of their starts; they may overlap."""

    def spans_of(self, text: str, terms: Collection[str]) -> Iterator[Span]:
        """Those words of a text that have one of some index terms."""

    def keywords(self, text: str) -> list[str]:
        """The words of a text in lower case as a person types them, in order, with stop words and repetitions.

        They are `words`, but a run of a script without spaces is one keyword and not several bigrams. A keyword may
        have several index terms.
        """

    def placed_keywords(self, text: str) -> Iterator[PlacedKeyword]:
        """The keywords with their places in the text.

        Keywords of one character, such as the numbers of ½, have the place of that character. In odd sequences of
        combining characters, places are near the keyword and not exact.
        """

    def is_stop_word(self, word: str) -> bool:
        """Whether a word in lower case is left out of `terms`, because it is in most texts of the language."""
