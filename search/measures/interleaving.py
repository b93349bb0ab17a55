"""Team-draft interleaving: two rankings in one list, so that the same visitor's clicks say which is better.

Radlinski, Kurup & Joachims, "How Does Clickthrough Data Reflect Retrieval Quality?", CIKM 2008: a coin is tossed each
round for who picks first, and each side picks its best document that is not in the list yet. A click is credited to
the side that picked the document. Interleaving needs a tenth to a hundredth of the traffic of an A/B test for the
same certainty (Chapelle, Joachims, Radlinski & Yue, "Large-Scale Validation and Analysis of Interleaved Search
Evaluation", TOIS 2012).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from untilclick.search.records import ScoredDoc

Team = Literal["a", "b"]


@dataclass(frozen=True, slots=True)
class Interleaved:
    """A list made of two."""

    ranking: tuple[ScoredDoc, ...]
    """Each document with the score that its side gave it."""
    teams: tuple[Team, ...]
    """Who picked each."""


def team_draft(a: Sequence[ScoredDoc], b: Sequence[ScoredDoc], k: int, draw: random.Random) -> Interleaved:
    """At most k documents of both rankings. A side that has nothing left leaves the picking to the other."""
    rest = {"a": list(reversed(a)), "b": list(reversed(b))}
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
    while rest:
        entry = rest.pop()
        if entry.doc_id not in seen:
            return entry
    return None


@dataclass(frozen=True, slots=True)
class Preference:
    """Whom the visitors prefer."""

    wins_a: int
    """Visitors who clicked more of a's documents than of b's."""
    wins_b: int
    ties: int
    """Visitors who clicked as many of both."""
    share_b: float | None
    """Share of the wins that are b's, 0..1; .5 is no preference; None without a win."""
    ci95: tuple[float, float]
    """Of that share, Wilson's interval."""
    p: float
    """Of the two-sided sign test against no preference; 1 without a win."""


def preference(credits: Iterable[tuple[int, int]]) -> Preference:
    """From the clicks credited to a and to b, a pair for each visitor; visitors without a click say nothing."""
    from scipy.stats import binomtest  # noqa: PLC0415 - a second and 60 MB, which only an experiment needs

    wins_a = wins_b = ties = 0
    for clicks_a, clicks_b in credits:
        wins_a += clicks_a > clicks_b
        wins_b += clicks_b > clicks_a
        ties += clicks_a == clicks_b > 0
    decided = wins_a + wins_b
    if not decided:
        return Preference(wins_a, wins_b, ties, None, (0.0, 1.0), 1.0)
    test = binomtest(wins_b, decided)
    interval = test.proportion_ci(method="wilson")
    return Preference(
        wins_a, wins_b, ties, wins_b / decided, (float(interval.low), float(interval.high)), float(test.pvalue)
    )
