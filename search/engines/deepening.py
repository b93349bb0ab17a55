"""Ranks of documents, read off ever longer rankings, for engines that cannot tell the rank of a document."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from untilclick.search.records import ScoredDoc

FIRST_DEPTH = 128
"""Length of the first ranking. Each further ranking is eight times as long, until it holds every document."""


def ranks_in(top: Callable[[int], Sequence[ScoredDoc]], matching: Collection[str]) -> dict[str, int]:
    """The 1-based rank of each document of `matching`.

    `top(k)` returns the first k entries of the ranking. The full ranking must hold all documents of `matching`.
    """
    ranks: dict[str, int] = {}
    missing = set(matching)
    depth = FIRST_DEPTH
    while missing:
        ranking = top(depth)
        new = {entry.doc_id: rank for rank, entry in enumerate(ranking, start=1) if entry.doc_id in missing}
        ranks |= new
        missing -= new.keys()
        if len(ranking) < depth:
            break
        depth *= 8
    return ranks
