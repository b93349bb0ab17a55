"""Team-draft interleaving: two rankings are merged into one list, and clicks on it show which ranking is better.

Radlinski, Kurup & Joachims, "How Does Clickthrough Data Reflect Retrieval Quality?", CIKM 2008: in each round a coin
decides which side picks first, and each side picks its best document that is not in the list yet. A click is credited
to the side that picked the document. Interleaving needs a tenth to a hundredth of the traffic of an A/B test for the
same certainty (Chapelle, Joachims, Radlinski & Yue, "Large-Scale Validation and Analysis of Interleaved Search
Evaluation", TOIS 2012).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from untilclick.search.records import ScoredDoc

Team = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A list of documents that two sides picked."""

    ranking: tuple[ScoredDoc, ...]
    """The documents with their scores in the ranking of the side that picked them."""
    teams: tuple[Team, ...]
    """The side that picked each document."""


def team_draft(a: Sequence[ScoredDoc], b: Sequence[ScoredDoc], k: int, draw: random.Random) -> Interleaved:
    """Merge two rankings into a list of at most k documents. When a side has no document left, the other side picks
    alone."""
    rest = {"a": list(reversed(a)), "b": list(reversed(b))}  # best document last, so that pop takes it
    seen: set[str] = set()
    ranking: list[ScoredDoc] = []
    teams: list[Team] = []
    while len(ranking) < k and (rest["a"] or rest["b"]):
        order: tuple[Team, Team] = ("a", "b") if draw.random() < 0.5 else ("b", "a")
        for team in order:
            picked = _pick(rest[team], seen)
            if picked is not None and len(ranking) < k:
                seen.add(picked.doc_id)
                ranking.append(picked)
                teams.append(team)
    return Interleaved(tuple(ranking), tuple(teams))


def _pick(rest: list[ScoredDoc], seen: set[str]) -> ScoredDoc | None:
    """Take the best remaining document that is not in the list yet; None if there is none."""
    while rest:
        entry = rest.pop()
        if entry.doc_id not in seen:
            return entry
    return None


class Credits(NamedTuple):
    """The numbers of one visitor's clicks that are credited to each side."""

    a: int
    b: int


@dataclass(frozen=True, slots=True)
class Preference:
    """Which side the visitors prefer."""

    wins_a: int
    """Visitors who clicked more documents of a than of b."""
    wins_b: int
    ties: int
    """Visitors who clicked as many documents of either side."""
    share_b: float | None
    """Share of b in the wins, 0..1; .5 means no preference; None without a win."""
    ci95: tuple[float, float]
    """95 % interval of that share, after Wilson; (0, 1) without a win."""
    p: float
    """p-value of the two-sided sign test against no preference; 1 without a win."""


def preference(credits: Iterable[Credits]) -> Preference:
    """The preference of the visitors, from each one's credits. Visitors without a click are not counted."""
    from scipy.stats import binomtest  # noqa: PLC0415 - a second and 60 MB, which only an experiment needs

    wins_a = wins_b = ties = 0
    for a, b in credits:
        wins_a += a > b
        wins_b += b > a
        ties += a == b > 0
    decided = wins_a + wins_b
    if not decided:
        return Preference(wins_a, wins_b, ties, None, (0.0, 1.0), 1.0)
    test = binomtest(wins_b, decided)
    interval = test.proportion_ci(method="wilson")
    return Preference(
        wins_a, wins_b, ties, wins_b / decided, (float(interval.low), float(interval.high)), float(test.pvalue)
    )
