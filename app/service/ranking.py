"""The result list of a search: from one rewrite, depending on the mode, or from two, interleaved."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from untilclick.app.versions.store import Experiment
from untilclick.rewriter.rewrite import Rewrite
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.exact_titles import exact_titles_first
from untilclick.search.measures.fusion import reciprocal_rank_fusion
from untilclick.search.measures.interleaving import Team, team_draft
from untilclick.search.records import ScoredDoc

FUSION_DEPTH = 100
"""Depth to which rankings are fused."""


class Mode(StrEnum):
    """The way in which a search uses the rewrite."""

    AUTO = "auto"
    """The service chooses: at present `blend`, or the sides of an experiment."""
    OFF = "off"
    """Plain BM25 on the query as typed."""
    BLEND = "blend"
    """One query with the query as typed, feedback terms and the rewrite as weighted clauses."""
    REPLACE = "replace"
    """The rewrite without the query as typed."""
    FUSE = "fuse"
    """Reciprocal rank fusion of two rankings, of the query as typed and of the rewrite."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a search shows of its rankings."""

    mode: Mode
    k: int
    """Number of results."""
    compare: bool = False
    """Whether the list for the query as typed is requested too."""
    titled: Sequence[str] = ()
    """Ids of documents whose title is the query as typed: they come first in every list."""

    def rank(self, engine: SearchEngine, queries: Sequence[SearchedQuery]) -> list[list[ScoredDoc]]:
        """The result list of each query. Raises EngineError if the engine fails."""
        return [ranking.shown for ranking in rank(engine, queries, self.k, titled=[self.titled] * len(queries))]

    def of(self, ranking: Sequence[ScoredDoc]) -> list[ScoredDoc]:
        """The result list of a ranking by scores."""
        return exact_titles_first(ranking, self.titled, self.k)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The result list of a search."""

    ranking: Sequence[ScoredDoc]
    plain: Sequence[ScoredDoc] | None = None
    """The list for the query as typed; None unless it is requested."""
    teams: Sequence[Team] | None = None
    """The side that each document was taken from; None unless two different lists were interleaved."""


def ranked(engine: SearchEngine, rewrite: Rewrite, listing: Listing) -> Ranked:
    """Search with one rewrite. Raises EngineError if the engine fails."""
    typed = SearchedQuery.typed(rewrite.query)
    if not rewrite.applied:
        (ranking,) = listing.rank(engine, [typed])
        return Ranked(ranking, ranking if listing.compare else None)
    if listing.mode is Mode.FUSE:
        queries = [typed, SearchedQuery.of(rewrite, "replace")]
        original, replaced = (each.retrieved for each in rank(engine, queries, max(listing.k, FUSION_DEPTH)))
        fused = reciprocal_rank_fusion([original, replaced], listing.k)
        return Ranked(listing.of(fused), listing.of(original) if listing.compare else None)
    searched = SearchedQuery.of(rewrite, "replace" if listing.mode is Mode.REPLACE else "blend")
    lists = listing.rank(engine, [searched, typed] if listing.compare else [searched])
    return Ranked(lists[0], lists[1] if listing.compare else None)


class Side(NamedTuple):
    """A side of an experiment in one search."""

    engine: SearchEngine
    query: SearchedQuery


def interleaved(a: Side, b: Side, listing: Listing, draw: random.Random, plain: Side | None = None) -> Ranked:
    """Search with the sides a and b, and interleave their lists by team draft. `plain` is searched for comparison.

    Two equal lists have no teams: a click on them tells nothing about the sides. Raises EngineError if an engine
    fails.
    """
    ranking_a, ranking_b, *others = _lists([a, b] if plain is None else [a, b, plain], listing)
    plain_ranking = others[0] if others else None
    if [entry.doc_id for entry in ranking_a] == [entry.doc_id for entry in ranking_b]:
        return Ranked(ranking_a, plain_ranking)
    mixed = team_draft(ranking_a, ranking_b, listing.k, draw)
    return Ranked(mixed.ranking, plain_ranking, mixed.teams)


def _lists(sides: Sequence[Side], listing: Listing) -> list[list[ScoredDoc]]:
    """The result list of each side. Sides with the same engine are searched together."""
    lists: dict[int, list[ScoredDoc]] = {}
    for engine in {id(side.engine): side.engine for side in sides}.values():
        places = [place for place, side in enumerate(sides) if side.engine is engine]
        lists |= zip(places, listing.rank(engine, [sides[place].query for place in places]), strict=True)
    return [lists[place] for place in range(len(sides))]


def takes_part(experiment: Experiment, session_id: str) -> bool:
    """Whether the lists of a search session are interleaved: all of them or none, and the same in every process."""
    digest = hashlib.sha256(f"{experiment.name}/{session_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < experiment.share * 2**64
