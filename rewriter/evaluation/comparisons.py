"""The pairs of systems that an evaluation tests, and the measures that it tests them on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from untilclick.rewriter.evaluation.statistics import Comparison, Needs, TopicValues, compare
from untilclick.rewriter.evaluation.system_names import BASELINE, DOCUMENTS_ALONE, ENGINE_ORDER, WORDS_ALONE
from untilclick.search.measures.metrics import TopicScores

COMPARED: tuple[tuple[str, str], ...] = (
    ("ppo", "bm25"),
    ("ppo", "rm3"),
    ("ppo", "warm_start"),
    ("ppo", "spelling"),
    ("offline", "bm25"),
    ("offline", "rm3"),
    ("offline", "warm_start"),
    ("offline", "spelling"),
    ("warm_start", "bm25"),
    ("warm_start", "rm3"),
    ("rm3", "bm25"),
    ("warm_start", "spelling"),
    ("base", "bm25"),
    ("base", "rm3"),
    ("mean", "bm25"),
    ("mean", "rm3"),
    ("mean", "ppo"),
    ("mean", "spelling"),
    *product(
        ("mean", "ppo", "offline", "warm_start"),
        ("rocchio", "session_concatenation", "successor", "association", "bm25_tuned"),
    ),
    (BASELINE, ENGINE_ORDER),
    *product(("mean", "ppo", "offline", "warm_start", "final"), ("base",)),
    ("final", "bm25"),
    *product(("mean", "ppo", "offline", "warm_start", "final", "base"), ("encoder", "bm25_encoder")),
    *product(("encoder", "bm25_encoder"), ("bm25", "rm3")),
    ("bm25_encoder", "encoder"),
    ("final", "rm3"),
    *product(("final", "base"), ("spelling",)),
    *product(("final", "base", "ppo", "warm_start"), (WORDS_ALONE, DOCUMENTS_ALONE)),
    *product((WORDS_ALONE, DOCUMENTS_ALONE), ("bm25", "encoder")),
)
"""Pairs (a, b) that are tested if both systems were evaluated. The order decides which random numbers a pair gets."""

TESTED_MEASURES: tuple[str, ...] = ("nDCG@10", "RR@10", "R@100")
"""Measures that are tested."""


def compare_systems(
    scores: Mapping[str, TopicScores], seed: int, resamples: int, needs: Needs | None = None
) -> tuple[Comparison, ...]:
    """Test the pairs of COMPARED that have scores, on each tested measure; every test has its own random numbers.
    Topics of one need are resampled together."""
    pairs = [(a, b) for a, b in COMPARED if a in scores and b in scores]
    tests = [(a, b, measure) for a, b in pairs for measure in TESTED_MEASURES]
    streams = np.random.default_rng([seed, 1]).spawn(len(tests))
    return tuple(
        compare(
            TopicValues(a, scores[a].values[measure]),
            TopicValues(b, scores[b].values[measure]),
            measure,
            rng,
            resamples,
            needs,
        )
        for (a, b, measure), rng in zip(tests, streams, strict=True)
    )
