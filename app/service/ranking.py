"""The result list of a search: from one rewrite, depending on the mode, or from two, interleaved."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from untilclick.app.versions.store import Experiment
from untilclick.rewriter.readings import Readings
from untilclick.rewriter.rewrite import Rewrite
from untilclick.rewriter.serving.readings.ranker import FoundBy, Ranking, rank
from untilclick.rewriter.serving.readings.searched_query import Form, SearchedQuery
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
    """Reciprocal rank fusion of two rankings, of the query as typed and of the rewrite without it."""


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
    readings: Readings = Readings.AUTO
    """How queries are read."""

    def searched(self, rewrite: Rewrite) -> SearchedQuery:
        """What is searched for a rewrite; with `fuse`, beside the query as typed."""
        form: Form = "replace" if self.mode in (Mode.REPLACE, Mode.FUSE) else "blend"
        return SearchedQuery.of(rewrite, form, self.readings)

    def rank(self, engine: SearchEngine, queries: Sequence[SearchedQuery]) -> list[Ranking]:
        """The ranking of each query. Raises EngineError if the engine fails."""
        return rank(engine, queries, self.k, titled=[self.titled] * len(queries))

    def of(self, ranking: Sequence[ScoredDoc]) -> list[ScoredDoc]:
        """The result list of a ranking by scores."""
        return exact_titles_first(ranking, self.titled, self.k)


@dataclass(frozen=True, slots=True)
class Ranked:
    """The result list of a search."""

    ranking: Sequence[ScoredDoc]
    found_by: Mapping[str, FoundBy]
    """Document of the list -> the readings that found it."""
    plain: Sequence[ScoredDoc] | None = None
    """The list for the query as typed; None unless it is requested."""
    teams: Sequence[Team] | None = None
    """The side that each document was taken from; None unless two different lists were interleaved."""


def ranked(engine: SearchEngine, rewrite: Rewrite, listing: Listing) -> Ranked:
    """Search with one rewrite. Raises EngineError if the engine fails."""
    typed = SearchedQuery.typed(rewrite.query)
    if not rewrite.applied:
        (ranking,) = listing.rank(engine, [typed])
        return Ranked(ranking.shown, _found_by([ranking]), ranking.shown if listing.compare else None)
    if listing.mode is Mode.FUSE:
        rankings = rank(engine, [typed, listing.searched(rewrite)], max(listing.k, FUSION_DEPTH))
        fused = reciprocal_rank_fusion([ranking.retrieved for ranking in rankings], listing.k)
        original = listing.of(rankings[0].retrieved) if listing.compare else None
        return Ranked(listing.of(fused), _found_by(rankings), original)
    searched = listing.searched(rewrite)
    rankings = listing.rank(engine, [searched, typed] if listing.compare else [searched])
    return Ranked(rankings[0].shown, _found_by(rankings[:1]), rankings[1].shown if listing.compare else None)


def _found_by(rankings: Sequence[Ranking]) -> dict[str, FoundBy]:
    """The readings that found each document of several rankings, in any of them."""
    found: dict[str, FoundBy] = {}
    for ranking in rankings:
        for doc_id in {entry.doc_id for entry in (*ranking.retrieved, *ranking.shown)}:
            found[doc_id] = found.get(doc_id, frozenset()) | ranking.finds.of(doc_id)
    return found


class Side(NamedTuple):
    """A side of an experiment in one search."""

    engine: SearchEngine
    query: SearchedQuery


def interleaved(a: Side, b: Side, listing: Listing, draw: random.Random, plain: Side | None = None) -> Ranked:
    """Search with the sides a and b, and interleave their lists by team draft. `plain` is searched for comparison.

    Two equal lists have no teams: a click on them tells nothing about the sides. Raises EngineError if an engine
    fails.
    """
    ranking_a, ranking_b, *others = _rankings([a, b] if plain is None else [a, b, plain], listing)
    plain_list = others[0].shown if others else None
    found_by = _found_by([ranking_a, ranking_b])
    if [entry.doc_id for entry in ranking_a.shown] == [entry.doc_id for entry in ranking_b.shown]:
        return Ranked(ranking_a.shown, found_by, plain_list)
    mixed = team_draft(ranking_a.shown, ranking_b.shown, listing.k, draw)
    return Ranked(mixed.ranking, found_by, plain_list, mixed.teams)


def _rankings(sides: Sequence[Side], listing: Listing) -> list[Ranking]:
    """The ranking of each side. Sides with the same engine are searched together."""
    rankings: dict[int, Ranking] = {}
    for engine in {id(side.engine): side.engine for side in sides}.values():
        places = [place for place, side in enumerate(sides) if side.engine is engine]
        rankings |= zip(places, listing.rank(engine, [sides[place].query for place in places]), strict=True)
    return [rankings[place] for place in range(len(sides))]


def takes_part(experiment: Experiment, session_id: str) -> bool:
    """Whether the lists of a search session are interleaved: all of them or none, and the same in every process."""
    digest = hashlib.sha256(f"{experiment.name}/{session_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < experiment.share * 2**64
