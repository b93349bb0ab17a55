"""The passage of a document that shows why it was found, as pieces of plain text.

Pieces, not markup: what a document contains can then never become markup on a page.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from untilclick.search.text.analysis import term_of, terms

SNIPPET_CHARACTERS = 240
"""Length aimed at."""

MAX_SCANNED_CHARACTERS = 20_000
"""Text beyond this is not looked at."""

TYPED_WEIGHT, ADDED_WEIGHT = 20, 10
"""What a typed word and a word of the rewrite count when windows are compared."""

REPEATED = 10
"""A further occurrence of a word counts this much less."""

BEGINNING = 3
"""Every word of an index term longer than this begins with the same letters as the term; of shorter ones, such as
"die" for "dying", the first letter is the same."""

MANY = 50
"""With more beginnings to look for, it is quicker to look at every word."""

_WORD = re.compile(r"[^\W_]+")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Piece:
    """Consecutive text of a snippet."""

    text: str
    hit: bool
    """True for a word that was searched."""


@dataclass(frozen=True, slots=True)
class _Hit:
    start: int
    end: int
    term: str


class Searched:
    """The words of a search that a snippet shows."""

    def __init__(self, query: str, rewritten: str) -> None:
        """Of a query as typed, and of the rewritten query as a person reads it: the lighter words of a rewrite, which
        it does not show, are not marked either; they would puzzle."""
        self.weights = dict.fromkeys(terms(rewritten), ADDED_WEIGHT) | dict.fromkeys(terms(query), TYPED_WEIGHT)
        """Index term -> weight."""
        self._beginnings = frozenset(beginning(term) for term in self.weights)

    def hits(self, text: str) -> list[_Hit]:
        """Where these words are, in order."""
        lower = text.lower()
        if len(self._beginnings) > MANY or len(lower) != len(text):  # or a letter whose small form is two
            words: Iterable[re.Match[str]] = _WORD.finditer(text)
        else:
            starts = {start for each in self._beginnings for start in _word_starts(lower, each)}
            words = (match for start in sorted(starts) if (match := _WORD.match(text, start)))
        terms_found = ((word, term_of(word.group())) for word in words)
        return [_Hit(word.start(), word.end(), term) for word, term in terms_found if term in self.weights and term]


def _word_starts(text: str, start_of_word: str) -> Iterator[int]:
    """Where words begin with these letters."""
    place = text.find(start_of_word)
    while place >= 0:
        if not (place and text[place - 1].isalnum()):
            yield place
        place = text.find(start_of_word, place + 1)


def beginning(term: str) -> str:
    """How all words of an index term begin."""
    return term[:BEGINNING] if len(term) > BEGINNING else term[:1]


def snippet(text: str, searched: Searched, length: int = SNIPPET_CHARACTERS) -> tuple[Piece, ...]:
    """The window of about `length` characters with the most searched words, cut at words, white space made single.

    Without a searched word it is the beginning of the text; an empty text gives no pieces.
    """
    hits = searched.hits(text[:MAX_SCANNED_CHARACTERS])
    start, end = _widen(text, _best_window(hits, searched.weights, length), length)
    inside = [hit for hit in hits if start <= hit.start and hit.end <= end]
    return _pieces(text, start, end, inside)


def _best_window(hits: Sequence[_Hit], weights: Mapping[str, int], length: int) -> tuple[int, int]:
    """Start of the first and end of the last hit of the window of most weight; the earliest of equals."""
    best, best_value = (0, 0), 0
    inside: Counter[str] = Counter()
    value = end = 0
    for first in hits:
        while end < len(hits) and hits[end].end - first.start <= length:
            term = hits[end].term
            value += weights[term] // (REPEATED if inside[term] else 1)
            inside[term] += 1
            end += 1
        if value > best_value:
            best, best_value = (first.start, hits[end - 1].end), value
        if inside[first.term]:
            inside[first.term] -= 1
            value -= weights[first.term] // (REPEATED if inside[first.term] else 1)
        else:  # a word longer than the window
            end += 1
    return best


def _widen(text: str, window: tuple[int, int], length: int) -> tuple[int, int]:
    """Spread a window to about `length` characters around its middle, and out or in to the next word's edge."""
    start, end = window
    spare = max(0, length - (end - start))
    start = max(0, start - spare // 3)
    end = min(len(text), max(end, start + length))
    start = max(0, min(start, end - length))
    return _word_start(text, start, window[0]), _word_end(text, end, window[1])


def _word_start(text: str, position: int, limit: int) -> int:
    """Move forward to the beginning of a word, not past `limit`."""
    if position == 0 or text[position - 1].isspace():
        return position
    space = _SPACE.search(text, position, max(position, limit))
    return space.end() if space else position


def _word_end(text: str, position: int, limit: int) -> int:
    """Move back to the end of a word, not before `limit`."""
    if position >= len(text) or text[position].isspace():
        return position
    cut = max(text.rfind(" ", limit, position), text.rfind("\n", limit, position))
    return cut if cut > limit else position


def _pieces(text: str, start: int, end: int, hits: Sequence[_Hit]) -> tuple[Piece, ...]:
    parts: list[tuple[str, bool]] = [("… ", False)] if text[:start].strip() else []
    position = start
    for hit in hits:
        parts += [(text[position : hit.start], False), (text[hit.start : hit.end], True)]
        position = hit.end
    parts.append((text[position:end], False))
    if text[end:].strip():
        parts.append((" …", False))
    return _merged(parts)


def _merged(parts: Iterable[tuple[str, bool]]) -> tuple[Piece, ...]:
    """Join neighbours of one kind, make white space single and trim both ends."""
    joined: list[tuple[str, bool]] = []
    for text, hit in parts:
        if not text:
            continue
        if joined and joined[-1][1] == hit:
            joined[-1] = (joined[-1][0] + text, hit)
        else:
            joined.append((text, hit))
    pieces = [(_SPACE.sub(" ", text), hit) for text, hit in joined]
    if pieces:
        pieces[0] = (pieces[0][0].lstrip(), pieces[0][1])
        pieces[-1] = (pieces[-1][0].rstrip(), pieces[-1][1])
    return tuple(Piece(text, hit) for text, hit in pieces if text)
