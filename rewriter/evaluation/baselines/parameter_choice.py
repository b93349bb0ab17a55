"""How every baseline's parameters are chosen: the best mean nDCG@10 of a grid on training topics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from untilclick.rewriter.evaluation.systems import System, TypedTopic
from untilclick.rewriter.serving.readings.ranker import rank
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.measures.metrics import evaluate_rankings

S = TypeVar("S")

CHOICE_MEASURE = "nDCG@10"
"""The measure whose mean decides."""


@dataclass(frozen=True)
class ParameterChoice:
    """Chooses parameters on topics that are never reported."""

    engine: SearchEngine
    topics: Sequence[TypedTopic]
    """Training topics to choose on; may be empty."""

    def best(self, candidates: Sequence[S], build: Callable[[S], System], default: S) -> S:
        """The candidate whose system has the best mean, the first among equals; the default without topics."""
        if not self.topics:
            return default
        best, best_score = default, -1.0
        for settings in candidates:
            score = self._score(build(settings))
            if score > best_score:
                best, best_score = settings, score
        return best

    def _score(self, system: System) -> float:
        rankings = [ranking.retrieved for ranking in rank(self.engine, system(self.topics), 10)]
        topics = [typed.topic for typed in self.topics]
        return evaluate_rankings(topics, rankings, (CHOICE_MEASURE,)).mean(CHOICE_MEASURE)
