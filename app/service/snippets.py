"""Snippets: the passage of a document with the most searched words, as pieces of plain text.

A snippet has no markup, so that nothing in a document can become markup on a page: the client marks the pieces.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from untilclick.search.text.analysis import term_of, terms

SNIPPET_CHARACTERS = 240
"""Length that a snippet aims at."""

MAX_SCANNED_CHARACTERS = 20_000
"""Searched words beyond this position of a text are ignored."""

TYPED_WEIGHT, ADDED_WEIGHT = 20, 10
"""Weight of a typed word, and of a word that the rewrite added, when windows are compared."""

REPEATED = 10
"""Divides the weight of every further occurrence of a word in a window."""

BEGINNING = 3
"""Number of first letters that the words of an index term share with a term that is longer than this. A shorter term,
such as "die" for "dying", shares only the first letter."""

MANY = 50
"""With more beginnings than this it is faster to analyse every word of the text."""

_WORD = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"\s+")


class Piece(NamedTuple):
    """Consecutive text of a snippet."""

    text: str
    hit: bool
    """Whether the piece is a searched word."""


@dataclass(frozen=True, slots=True)
class _Hit:
    """A searched word in a text."""

    start: int
    end: int
    term: str


class _Window(NamedTuple):
    """A passage of a text, from the character at `start` to the one before `end`."""

    start: int
    end: int


class Searched:
    """The words of a search that snippets mark."""

    def __init__(self, query: str, rewritten: str) -> None:
        """Take the words of a query as typed, and of the readable text of its rewrite.

        That text lacks the lightest words of the rewrite. Marking words that the visitor has not seen would be
        confusing.
        """
        self.weights = dict.fromkeys(terms(rewritten), ADDED_WEIGHT) | dict.fromkeys(terms(query), TYPED_WEIGHT)
        """Index term -> weight."""
        self._beginnings = frozenset(beginning(term) for term in self.weights)

    def hits(self, text: str) -> list[_Hit]:
        """The searched words in a text, in their order."""
        lower = text.lower()
        if len(self._beginnings) > MANY or len(lower) != len(text):  # a letter may have two letters in lower case
            words: Iterable[re.Match[str]] = _WORD.finditer(text)
        else:
            starts = {start for prefix in self._beginnings for start in _word_starts(lower, prefix)}
            words = (match for start in sorted(starts) if (match := _WORD.match(text, start)))
        analysed = ((word, term_of(word.group())) for word in words)
        return [_Hit(word.start(), word.end(), term) for word, term in analysed if term in self.weights and term]


def _word_starts(text: str, prefix: str) -> Iterator[int]:
    """The positions at which a word with this prefix begins."""
    position = text.find(prefix)
    while position >= 0:
        if not (position and text[position - 1].isalnum()):
            yield position
        position = text.find(prefix, position + 1)


def beginning(term: str) -> str:
    """The letters with which all words of an index term begin."""
    return term[:BEGINNING] if len(term) > BEGINNING else term[:1]


def snippet(text: str, searched: Searched, length: int = SNIPPET_CHARACTERS) -> tuple[Piece, ...]:
    """The passage of about `length` characters with the most searched words, cut at words, with single spaces.

    Without a searched word it is the beginning of the text; an empty text has no pieces.
    """
    hits = searched.hits(text[:MAX_SCANNED_CHARACTERS])
    window = _widen(text, _best_window(hits, searched.weights, length), length)
    inside = [hit for hit in hits if window.start <= hit.start and hit.end <= window.end]
    return _merged(_pieces(text, window, inside))


def _best_window(hits: Sequence[_Hit], weights: Mapping[str, int], length: int) -> _Window:
    """The window of at most `length` characters, from one hit to another, with the most weight; the first of equals.

    Two ends move over the hits; `value` is the weight of the hits between them.
    """
    best, best_value = _Window(0, 0), 0
    inside: Counter[str] = Counter()
    value = end = 0
    for first in hits:
        while end < len(hits) and hits[end].end - first.start <= length:
            term = hits[end].term
            value += weights[term] // (REPEATED if inside[term] else 1)
            inside[term] += 1
            end += 1
        if value > best_value:
            best, best_value = _Window(first.start, hits[end - 1].end), value
        if inside[first.term]:
            inside[first.term] -= 1
            value -= weights[first.term] // (REPEATED if inside[first.term] else 1)
        else:  # the word is longer than a window
            end += 1
    return best


def _widen(text: str, window: _Window, length: int) -> _Window:
    """Widen a window to about `length` characters, a third of them before it, and move its ends to edges of words."""
    start, end = window
    spare = max(0, length - (end - start))
    start = max(0, start - spare // 3)
    end = min(len(text), max(end, start + length))
    start = max(0, min(start, end - length))
    return _Window(_word_start(text, start, window.start), _word_end(text, end, window.end))


def _word_start(text: str, position: int, limit: int) -> int:
    """The start of the next word from a position on, but not beyond `limit`."""
    if position == 0 or text[position - 1].isspace():
        return position
    space = _SPACE.search(text, position, max(position, limit))
    return space.end() if space else position


def _word_end(text: str, position: int, limit: int) -> int:
    """The end of the last word up to a position, but not before `limit`."""
    if position >= len(text) or text[position].isspace():
        return position
    cut = max(text.rfind(" ", limit, position), text.rfind("\n", limit, position))
    return cut if cut > limit else position


def _pieces(text: str, window: _Window, hits: Sequence[_Hit]) -> Iterator[Piece]:
    """The window cut at its hits, with an ellipsis at each end where the text goes on."""
    if text[: window.start].strip():
        yield Piece("… ", hit=False)
    position = window.start
    for hit in hits:
        yield Piece(text[position : hit.start], hit=False)
        yield Piece(text[hit.start : hit.end], hit=True)
        position = hit.end
    yield Piece(text[position : window.end], hit=False)
    if text[window.end :].strip():
        yield Piece(" …", hit=False)


def _merged(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Join neighbours of one kind, reduce white space to single spaces and trim both ends."""
    merged = [
        Piece(_SPACE.sub(" ", "".join(piece.text for piece in neighbours)), hit)
        for hit, neighbours in groupby((piece for piece in pieces if piece.text), key=lambda piece: piece.hit)
    ]
    if merged:
        merged[0] = merged[0]._replace(text=merged[0].text.lstrip())
        merged[-1] = merged[-1]._replace(text=merged[-1].text.rstrip())
    return tuple(piece for piece in merged if piece.text)
