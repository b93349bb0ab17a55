"""Result lists and clicks of search sessions as the arrays that click models are fitted to.

An item class is a pair of a query and a document: a document attracts the searchers of one query and not those of
another. Queries count as equal if their words are the same, whatever their case and punctuation. The typed query
counts even if a rewrite was searched, because searchers judge results by what they meant.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple
from zlib import crc32

import numpy as np

from untilclick.search.analysis.by_name import FIRST_NAME, analysis_by_name
from untilclick.search.click_models.base import NO_DOCUMENT
from untilclick.search.click_models.fitting.fit import ClickLog
from untilclick.search.errors import DataError
from untilclick.search.records import Session, Turn

RANKS = 10
"""Ranks of a list that are read: one page of results."""
HELD_OUT_PARTS = 5
"""One session of this many is held out."""


class QueryDocument(NamedTuple):
    """A query, as `normalised`, and a document that it showed."""

    query: str
    doc_id: str


@dataclass(frozen=True, slots=True)
class SessionLists:
    """The lists of a session log: those to fit on, and those to measure on."""

    training: ClickLog
    held_out: ClickLog
    """Lists of other sessions. Each is cut above the first document that training never showed for the query, because
    nothing is known of its attractiveness; lists of which nothing remains are left out."""
    pairs: tuple[QueryDocument, ...]
    """The pair of each item class."""


class _List(NamedTuple):
    """A shown list and its clicks, both down to the last rank that is read."""

    pairs: tuple[QueryDocument, ...]
    clicked: tuple[bool, ...]


def session_lists(sessions: Iterable[Session], ranks: int = RANKS) -> SessionLists:
    """The first `ranks` results of every query of the sessions; queries that found nothing are left out.

    A hash of the session id decides which sessions are held out: about a fifth, the same ones at every call. The
    arrays have as many columns as the longest training list has results. Raises DataError without a training list.
    """
    training: list[_List] = []
    held_out: list[_List] = []
    for session in sessions:
        side = held_out if _is_held_out(session) else training
        side.extend(_list_of(turn, ranks) for turn in session.turns if turn.shown)
    if not training:
        raise DataError("No result list to fit click models to. Choose sessions whose queries found something")
    numbers = {pair: i for i, pair in enumerate(dict.fromkeys(pair for entry in training for pair in entry.pairs))}
    width = max(len(entry.pairs) for entry in training)
    known_lists = [part for entry in held_out if (part := _known_part(entry, numbers, width)).pairs]
    return SessionLists(_click_log(training, numbers, width), _click_log(known_lists, numbers, width), tuple(numbers))


def normalised(query: str) -> str:
    """The words of a query in lower case with one space between them; the query itself if it has no words."""
    return " ".join(analysis_by_name(FIRST_NAME).words(query)) or query


def _is_held_out(session: Session) -> bool:
    return crc32(session.session_id.encode()) % HELD_OUT_PARTS == 0


def _list_of(turn: Turn, ranks: int) -> _List:
    query = normalised(turn.query)
    clicked = {click.rank for click in turn.clicks}
    shown = turn.shown[:ranks]
    pairs = tuple(QueryDocument(query, doc_id) for doc_id in shown)
    return _List(pairs, tuple(rank in clicked for rank in range(1, len(shown) + 1)))


def _known_part(entry: _List, numbers: dict[QueryDocument, int], width: int) -> _List:
    """The ranks above the first pair without a number, at most `width`."""
    pairs = tuple(takewhile(numbers.__contains__, entry.pairs[:width]))
    return _List(pairs, entry.clicked[: len(pairs)])


def _click_log(lists: list[_List], numbers: dict[QueryDocument, int], width: int) -> ClickLog:
    items = np.full((len(lists), width), NO_DOCUMENT, dtype=np.int64)  # (N, k)
    clicked = np.zeros((len(lists), width), dtype=bool)  # (N, k)
    for row, entry in enumerate(lists):
        items[row, : len(entry.pairs)] = [numbers[pair] for pair in entry.pairs]
        clicked[row, : len(entry.pairs)] = entry.clicked
    return ClickLog(items, clicked)
