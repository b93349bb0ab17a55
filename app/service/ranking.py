"""From a rewrite to the list that is shown: by mode, or two sides interleaved."""

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
"""Ranks of each ranking that are fused."""


class Mode(StrEnum):
    """How a rewrite is used."""

    AUTO = "auto"
    """What the service thinks best: at present `blend`, or what an experiment compares."""
    OFF = "off"
    """Plain BM25 on the query as typed."""
    BLEND = "blend"
    """Original, feedback and rewrite as weighted clauses of one query."""
    REPLACE = "replace"
    """The rewrite alone."""
    FUSE = "fuse"
    """Reciprocal rank fusion of the rankings of the original and of the rewrite."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What is shown."""

    ranking: Sequence[ScoredDoc]
    plain: Sequence[ScoredDoc] | None = None
    """The list for the query as typed, where it is asked for."""
    teams: Sequence[Team] | None = None
    """Whose each document is, where two lists that differ were interleaved."""


def ranked(engine: SearchEngine, rewrite: Rewrite, mode: Mode, k: int, *, compare: bool) -> Ranked:
    """The list of one rewrite. Raises EngineError where the engine fails."""
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
    engine: SearchEngine, sides: tuple[Rewrite, Rewrite], k: int, draw: random.Random, *, compare: bool
) -> Ranked:
    """The lists of two sides in one. Lists that are the same say nothing, and are shown without teams."""
    queries = [side.blend for side in sides]
    rankings = engine.search([*queries, WeightedQuery.of(sides[0].query)] if compare else queries, k)
    a, b, *plain = rankings
    shown_plain = plain[0] if plain else None
    if [entry.doc_id for entry in a] == [entry.doc_id for entry in b]:
        return Ranked(a, shown_plain)
    mixed = team_draft(a, b, k, draw)
    return Ranked(mixed.ranking, shown_plain, mixed.teams)


def takes_part(experiment: Experiment, session_id: str) -> bool:
    """Whether a search session's lists are interleaved: all of them or none, in every process alike."""
    digest = hashlib.sha256(f"{experiment.name}/{session_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < experiment.share * 2**64
