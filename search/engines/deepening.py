"""Ranks of some documents from the tops of a ranking, for engines that give no rank by themselves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from untilclick.search.records import ScoredDoc

FIRST_DEPTH = 128
"""How deep one looks first; the depth grows eightfold until every document is found."""


def ranks_in(top: Callable[[int], Sequence[ScoredDoc]], matching: Collection[str]) -> dict[str, int]:
    """1-based rank of each document of `matching`, all of which the full ranking has; `top` gives its first k."""
    ranks: dict[str, int] = {}
    wanted = set(matching)
    depth = FIRST_DEPTH
    while wanted:
        ranking = top(depth)
        found = {entry.doc_id: rank for rank, entry in enumerate(ranking, start=1) if entry.doc_id in wanted}
        ranks |= found
        wanted -= found.keys()
        if len(ranking) < depth:
            break
        depth *= 8
    return ranks
