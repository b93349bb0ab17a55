"""How a search read its query, for its answer: what was asked, what was used, and why not what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from untilclick.rewriter.readings import Readings, UsedReadings
from untilclick.rewriter.rewrite import Reason, Rewrite, Unread
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery, Shares


@dataclass(frozen=True, slots=True)
class ReadingsAnswer:
    """The readings of one search."""

    asked: Readings
    used: UsedReadings
    shares: Shares | None
    """The weights in the sum of the rewrite's ranking; None unless documents were read."""
    why: Reason | Unread | None
    """Why the query was not read as asked; None if it was, and for `auto` if there is nothing more to read."""

    @classmethod
    def of(cls, searched: SearchedQuery, rewrite: Rewrite, asked: Readings) -> Self:
        """The answer for what was searched for a rewrite."""
        return cls(asked, searched.used, searched.shares, _why(searched.used, rewrite, asked))


def _why(used: UsedReadings, rewrite: Rewrite, asked: Readings) -> Reason | Unread | None:
    lacking = rewrite.unread is not Unread.WORDS_ALONE and asked is not Readings.WORDS
    if used is UsedReadings.NONE:
        return rewrite.unread if lacking else rewrite.reason
    if used is not UsedReadings.WORDS or asked is Readings.WORDS:
        return None
    return rewrite.unread if lacking or asked is not Readings.AUTO else None
