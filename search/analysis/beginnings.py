"""The words of a text that may have some index terms, found by their first letters.

An English stem begins with the letters of its words. A search for these letters takes a tenth of the time of an
analysis of every word. That matters for snippets: each search marks the words of its query in ten documents.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

BEGINNING = 3
"""Words share the first three letters with an index term that is longer than this. They share two letters with any
other term, except dying, lying and tying (die, lie, tie)."""

MANY = 50
"""With more beginnings than this it is faster to analyse every word of the text."""


def candidate_words(text: str, terms: Collection[str], word: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Start and end of the words that may have one of the index terms, in their order; `word` matches a word.

    A word is a candidate if it, or a part of it that begins with a capital letter or a digit, begins as one of the
    terms does.
    """
    lower = text.replace("Σ", "σ").lower()  # at the end of a word its small letter would be another
    beginnings = {beginning for term in terms for beginning in beginnings_of(term)}
    matches: Iterable[re.Match[str]]
    if len(beginnings) > MANY or len(lower) != len(text):  # a letter may have two letters in lower case
        matches = word.finditer(text)
    else:
        starts = {start for prefix in beginnings for start in _starts(text, lower, prefix)}
        matches = (match for start in sorted(starts) if (match := word.match(text, start)))
    yield from (match.span() for match in matches)


def beginnings_of(term: str) -> tuple[str, ...]:
    """The letters with which each word of an index term begins: one of these."""
    if len(term) > BEGINNING:
        return (term[:BEGINNING],)
    return (term[:2], f"{term[0]}y") if term.endswith("ie") else (term[:2],)


def _starts(text: str, lower: str, prefix: str) -> Iterator[int]:
    """The start of each word in which the prefix begins the word, or a part of a camelCase name, or the number at the
    end of a name."""
    position = lower.find(prefix)
    while position >= 0:
        if not (position and text[position - 1].isalnum()):
            yield position
        elif text[position].isupper() or (text[position].isdigit() and not text[position - 1].isdigit()):
            start = position
            while start and text[start - 1].isalnum():
                start -= 1
            yield start
        position = lower.find(prefix, position + 1)
