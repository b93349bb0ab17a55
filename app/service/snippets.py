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

from untilclick.search.analysis.analysis import Analysis
from untilclick.search.analysis.normal_form import continues

SNIPPET_CHARACTERS = 240
"""Length that a snippet aims at."""

MAX_SCANNED_CHARACTERS = 20_000
"""Searched words beyond this position of a text are ignored."""

TYPED_WEIGHT, ADDED_WEIGHT = 20, 10
"""Weight of a typed word, and of a word that the rewrite added, when windows are compared."""

REPEATED = 10
"""Divides the weight of every further occurrence of a word in a window."""

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

    def __init__(self, query: str, rewritten: str, analysis: Analysis) -> None:
        """Take the words of a query as typed, and of the readable text of its rewrite.

        That text lacks the lightest words of the rewrite. Marking words that the visitor has not seen would be
        confusing.
        """
        self.weights = dict.fromkeys(_searched_terms(rewritten, analysis), ADDED_WEIGHT)
        """Index term -> weight."""
        self.weights |= dict.fromkeys(_searched_terms(query, analysis), TYPED_WEIGHT)
        self._analysis = analysis

    def hits(self, text: str) -> list[_Hit]:
        """The searched words in a text, in their order. Overlapping words, as bigrams are, make one hit."""
        hits: list[_Hit] = []
        for start, end, terms in self._analysis.spans_of(text, self.weights):
            term = next((term for term in terms if term in self.weights), None)
            if term is None:
                continue
            if hits and start < hits[-1].end:
                hits[-1] = _Hit(hits[-1].start, max(end, hits[-1].end), hits[-1].term)
            else:
                hits.append(_Hit(start, end, term))
        return hits


def _searched_terms(text: str, analysis: Analysis) -> tuple[str, ...]:
    """All terms that a query reads, in either field."""
    terms = analysis.query(text)
    return (*terms.body, *terms.aside) or tuple(terms.stop_words)


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
    """Widen a window to about `length` characters, a third of them before it, and move its ends to edges of words, or
    in a long word to edges of characters with their marks."""
    start, end = window
    spare = max(0, length - (end - start))
    start = max(0, start - spare // 3)
    end = min(len(text), max(end, start + length))
    start = max(0, min(start, end - length))
    blank = len(text) - len(text.lstrip()) if start == 0 else 0  # the passage has more than this
    start, end = _word_start(text, start, window.start), _word_end(text, end, max(window.end, blank))
    while 0 < start < len(text) and continues(text[start]) and not text[start - 1].isspace():
        start -= 1
    while 0 < end < len(text) and continues(text[end]):
        end += 1
    return _Window(start, end)


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
