"""The result list of a search: from one rewrite, depending on the mode, or from two, interleaved."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from untilclick.app.versions.store import Experiment
from untilclick.rewriter.rewrite import Rewrite
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.fusion import reciprocal_rank_fusion
from untilclick.search.measures.interleaving import Team, team_draft
from untilclick.search.records import ScoredDoc, WeightedQuery

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
class Ranked:
    """The result list of a search."""

    ranking: Sequence[ScoredDoc]
    plain: Sequence[ScoredDoc] | None = None
    """The list for the query as typed; None unless it is requested."""
    teams: Sequence[Team] | None = None
    """The side that each document was taken from; None unless two different lists were interleaved."""


def ranked(engine: SearchEngine, rewrite: Rewrite, mode: Mode, k: int, *, compare: bool) -> Ranked:
    """Search with one rewrite for `k` results. Raises EngineError if the engine fails."""
    plain = WeightedQuery.of(rewrite.query)
    if not rewrite.applied:
        ranking = engine.search([plain], k)[0]
        return Ranked(ranking, ranking if compare else None)
    if mode is Mode.FUSE:
        original, replaced = engine.search([plain, rewrite.replace], max(k, FUSION_DEPTH))
        return Ranked(reciprocal_rank_fusion([original, replaced], k), original[:k] if compare else None)
    query = rewrite.replace if mode is Mode.REPLACE else rewrite.blend
    rankings = engine.search([query, plain] if compare else [query], k)
    return Ranked(rankings[0], rankings[1] if compare else None)


def interleaved(
    engine: SearchEngine, a: Rewrite, b: Rewrite, k: int, draw: random.Random, *, compare: bool
) -> Ranked:
    """Search with the rewrites of sides a and b, and interleave their lists by team draft.

    Two equal lists have no teams: a click on them tells nothing about the sides. Raises EngineError if the engine
    fails.
    """
    queries = [a.blend, b.blend]
    rankings = engine.search([*queries, WeightedQuery.of(a.query)] if compare else queries, k)
    ranking_a, ranking_b = rankings[:2]
    plain = rankings[2] if compare else None
    if [entry.doc_id for entry in ranking_a] == [entry.doc_id for entry in ranking_b]:
        return Ranked(ranking_a, plain)
    mixed = team_draft(ranking_a, ranking_b, k, draw)
    return Ranked(mixed.ranking, plain, mixed.teams)


def takes_part(experiment: Experiment, session_id: str) -> bool:
    """Whether the lists of a search session are interleaved: all of them or none, and the same in every process."""
    digest = hashlib.sha256(f"{experiment.name}/{session_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < experiment.share * 2**64
