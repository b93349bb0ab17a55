"""How often systems answer questions in people's words on Python's documentation, beside an evaluation of it.

`untilclick evaluate --split asked` evaluates these questions alone, with all measures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from untilclick.rewriter.evaluation.results import Asked
from untilclick.rewriter.evaluation.statistics import TopicValues, compare
from untilclick.rewriter.evaluation.system_names import BASELINE
from untilclick.rewriter.evaluation.system_runs import measure_system
from untilclick.rewriter.evaluation.systems import System, TypedTopic
from untilclick.search.engines.protocol import SearchEngine

ASKED_MEASURE = "Success@5"
"""The share of questions with an answer among the first five documents, in ir-measures' notation."""


@dataclass(frozen=True)
class AskedConfig:
    """How systems are compared."""

    seed: int
    """Seed of the random numbers of the tests."""
    resamples: int
    """Sign flips and bootstrap samples of each comparison."""


def answer_questions(
    engine: SearchEngine,
    questions: Sequence[TypedTopic],
    systems: Mapping[str, System],
    config: AskedConfig,
    titled: Callable[[str], Sequence[str]],
    step_done: Callable[[], None],
) -> Asked:
    """Search the questions with every system, and compare each with BM25. `titled` gives the ids of the documents
    that come first, because their title is the query; `step_done` is called after every system."""
    first = [titled(question.query) for question in questions]
    values = {}
    for name, system in systems.items():
        values[name] = measure_system(engine, questions, system, first, ASKED_MEASURE)
        step_done()
    bm25 = TopicValues(BASELINE, values[BASELINE])
    others = [name for name in values if name != BASELINE]
    streams = np.random.default_rng([config.seed, 3]).spawn(len(others))
    comparisons = tuple(
        compare(TopicValues(name, values[name]), bm25, ASKED_MEASURE, rng, config.resamples)
        for name, rng in zip(others, streams, strict=True)
    )
    return Asked(len(questions), {name: float(of_system.mean()) for name, of_system in values.items()}, comparisons)
