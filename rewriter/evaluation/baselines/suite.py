"""All baselines of an evaluation, each with its parameters chosen on the same training topics.

A gain over BM25 means little as long as a cheaper remedy brings the same. Those that people ask for first (RM3,
spelling correction) are always there; the others where the data allow them and `EvaluateConfig.more_baselines` asks
for them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from scipy.sparse import csr_array

from untilclick.rewriter.evaluation.baselines.association import association_of
from untilclick.rewriter.evaluation.baselines.feedback import (
    RM3_GRID,
    ROCCHIO_GRID,
    Rm3,
    Rm3Settings,
    Rocchio,
    RocchioSettings,
)
from untilclick.rewriter.evaluation.baselines.parameter_choice import ParameterChoice
from untilclick.rewriter.evaluation.baselines.simple import (
    CONCATENATION_GRID,
    Bm25,
    ConcatenationSettings,
    SessionConcatenation,
    SpellingCorrection,
)
from untilclick.rewriter.evaluation.baselines.successor import successor_of
from untilclick.rewriter.evaluation.baselines.tuned_bm25 import tuned_bm25
from untilclick.rewriter.evaluation.systems import System, Tuned, TypedTopic
from untilclick.rewriter.language.tfidf import document_vectors
from untilclick.search.corpora.opened import OpenedCollection

if TYPE_CHECKING:
    from untilclick.search.log.session_log import SessionLog

logger = logging.getLogger(__name__)

VALIDATION_TOPICS = 200
"""Training topics on which parameters are chosen, at most."""


@dataclass(frozen=True, eq=False)
class BaselineInput:
    """What baselines may look at."""

    opened: OpenedCollection
    training: Sequence[TypedTopic]
    """The training topics; none where there are none, or where they are what is reported."""
    reported: Sequence[TypedTopic]
    """What is reported on: only whether it has history, and what the log must not hold, is taken from here."""
    log: SessionLog | None = None
    """Sessions with the needs of training topics, or of visitors."""

    @cached_property
    def vectors(self) -> csr_array:
        """(D, V) tf-idf of the documents."""
        return document_vectors(self.opened.index)

    def choice(self, topics: Sequence[TypedTopic] | None = None) -> ParameterChoice:
        """On the first training topics, or on the first of some of them."""
        return ParameterChoice(self.opened.engine, (self.training if topics is None else topics)[:VALIDATION_TOPICS])


def usual_baselines(data: BaselineInput) -> dict[str, System]:
    """bm25, rm3 and spelling."""
    settings = data.choice().best(RM3_GRID, lambda one: Rm3(data.opened.engine, one), Rm3Settings())
    logger.info("rm3 uses %s", settings)
    return {
        "bm25": Bm25(),
        "rm3": Rm3(data.opened.engine, settings),
        "spelling": SpellingCorrection(data.opened.spelling),
    }


def more_baselines(data: BaselineInput) -> dict[str, System]:
    """rocchio; session_concatenation where a reported topic has history; successor where there is a log; association
    and bm25_tuned where there are training topics, the latter on corpora of moderate size."""
    builders: dict[str, Callable[[BaselineInput], System | None]] = {
        "rocchio": _rocchio,
        "session_concatenation": _session_concatenation,
        "successor": _successor,
        "association": _association,
        "bm25_tuned": lambda one: tuned_bm25(one.opened.collection.corpus, one.opened.index, one.choice().topics),
    }
    systems: dict[str, System] = {}
    for name, build in builders.items():
        started = time.perf_counter()
        system = build(data)
        if system is not None:
            chosen = system.settings if isinstance(system, Tuned) else "no settings"
            logger.info("%s uses %s, made in %.1f s", name, chosen, time.perf_counter() - started)
            systems[name] = system
    return systems


def _rocchio(data: BaselineInput) -> System:
    def build(settings: RocchioSettings) -> Rocchio:
        return Rocchio(data.opened.engine, data.opened.index, data.vectors, settings)

    return build(data.choice().best(ROCCHIO_GRID, build, RocchioSettings()))


def _session_concatenation(data: BaselineInput) -> System | None:
    if not any(one.history for one in data.reported):
        return None
    choice = data.choice([one for one in data.training if one.history])
    return SessionConcatenation(choice.best(CONCATENATION_GRID, SessionConcatenation, ConcatenationSettings()))


def _successor(data: BaselineInput) -> System | None:
    if data.log is None:
        return None
    reported = {one.topic.topic_id for one in data.reported}
    return successor_of(data.log.sessions(), reported, data.choice())


def _association(data: BaselineInput) -> System | None:
    if not data.training:
        return None
    return association_of(data.training, data.opened.index, data.vectors, data.opened.engine, VALIDATION_TOPICS)
