"""Choosing a baseline's parameters on training topics, the same way for every baseline: a grid, and nDCG@10."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from untilclick.rewriter.evaluation.systems import System, TypedTopic
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import evaluate_rankings

S = TypeVar("S")

CHOICE_MEASURE = "nDCG@10"
"""What the best parameters have most of."""


@dataclass(frozen=True)
class ParameterChoice:
    """Topics to choose on; never those that are reported."""

    engine: SearchEngine
    topics: Sequence[TypedTopic]

    def best(self, candidates: Sequence[S], build: Callable[[S], System], default: S) -> S:
        """The candidate whose system has the best mean, the first of equals; the default without topics."""
        best, best_score = default, -1.0
        for settings in candidates if self.topics else ():
            score = self._score(build(settings))
            if score > best_score:
                best, best_score = settings, score
        return best

    def _score(self, system: System) -> float:
        rankings = self.engine.search([answer.query for answer in system(self.topics)], 10)
        judged = [one.topic for one in self.topics]
        return evaluate_rankings(judged, rankings, (CHOICE_MEASURE,)).mean(CHOICE_MEASURE)
