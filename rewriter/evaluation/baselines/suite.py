"""All baselines of an evaluation, each with its parameters chosen on the same training topics.

A gain over BM25 means little if a cheaper method gains the same. RM3 and spelling correction are always compared, and
rankings by meaning wherever there is a sentence encoder. The others are compared if the data allow it and
`EvaluateConfig.more_baselines` is on. To add a baseline, write its system in a file of this folder, a builder for it
in `more_baselines`, its title in `untilclick.rewriter.evaluation.system_names`, and its pairs in
`untilclick.rewriter.evaluation.comparisons`."""

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
from untilclick.rewriter.evaluation.baselines.meaning import meaning_baselines
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
"""Largest number of training topics on which parameters are chosen."""


@dataclass(frozen=True, eq=False)
class BaselineInput:
    """What baselines may learn from and choose on."""

    opened: OpenedCollection
    training: Sequence[TypedTopic]
    """The training topics; empty if the collection has none, or if they are the reported ones."""
    reported: Sequence[TypedTopic]
    """The reported topics. Baselines use only whether a topic has history, and which sessions of the log to leave
    out."""
    log: SessionLog | None = None
    """Sessions of simulated users or of visitors; None if there is no log."""

    @cached_property
    def vectors(self) -> csr_array:
        """(D, V) tf-idf vectors of the documents."""
        return document_vectors(self.opened.index)

    def choice(self, topics: Sequence[TypedTopic] | None = None) -> ParameterChoice:
        """A choice on the first of `topics`; None takes all training topics."""
        return ParameterChoice(self.opened.engine, (self.training if topics is None else topics)[:VALIDATION_TOPICS])


def usual_baselines(data: BaselineInput) -> dict[str, System]:
    """The baselines that every evaluation has: bm25, rm3 and spelling; with a sentence encoder also encoder and
    bm25_encoder."""
    settings = data.choice().best(RM3_GRID, lambda settings: Rm3(data.opened.engine, settings), Rm3Settings())
    logger.info("rm3 uses %s", settings)
    return {
        "bm25": Bm25(),
        "rm3": Rm3(data.opened.engine, settings),
        "spelling": SpellingCorrection(data.opened.spelling),
        **meaning_baselines(data.opened.encoded),
    }


def more_baselines(data: BaselineInput) -> dict[str, System]:
    """The baselines that the data allow.

    rocchio needs nothing; session_concatenation needs a reported topic with history, successor a log, association
    training topics, bm25_tuned training topics and a corpus of moderate size.
    """
    builders: dict[str, Callable[[BaselineInput], System | None]] = {
        "rocchio": _rocchio,
        "session_concatenation": _session_concatenation,
        "successor": _successor,
        "association": _association,
        "bm25_tuned": _bm25_tuned,
    }
    systems: dict[str, System] = {}
    for name, build in builders.items():
        started = time.perf_counter()
        system = build(data)
        if system is not None:
            chosen = system.settings if isinstance(system, Tuned) else "no settings"
            logger.info("%s uses %s, built in %.1f s", name, chosen, time.perf_counter() - started)
            systems[name] = system
    return systems


def _rocchio(data: BaselineInput) -> System:
    def build(settings: RocchioSettings) -> Rocchio:
        return Rocchio(data.opened.engine, data.opened.index, data.vectors, settings)

    return build(data.choice().best(ROCCHIO_GRID, build, RocchioSettings()))


def _session_concatenation(data: BaselineInput) -> System | None:
    if not any(typed.history for typed in data.reported):
        return None
    choice = data.choice([typed for typed in data.training if typed.history])
    return SessionConcatenation(choice.best(CONCATENATION_GRID, SessionConcatenation, ConcatenationSettings()))


def _successor(data: BaselineInput) -> System | None:
    if data.log is None:
        return None
    reported = {typed.topic.topic_id for typed in data.reported}
    return successor_of(data.log.sessions(), reported, data.choice(), data.opened.analysis)


def _association(data: BaselineInput) -> System | None:
    if not data.training:
        return None
    return association_of(data.training, data.opened.index, data.vectors, data.opened.engine, VALIDATION_TOPICS)


def _bm25_tuned(data: BaselineInput) -> System | None:
    return tuned_bm25(data.opened.collection.corpus, data.opened.index, data.choice().topics)
