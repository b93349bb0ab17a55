"""The input of a training stage: an opened collection, a trained model, and a log that is split in two parts.

The queries to learn from differ between stages; each stage takes its own from `StageInput.sides.training`. The
queries to validate on are the same for all stages, so that no stage is chosen on queries an earlier one learned from.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

from untilclick.rewriter.caution import HarmSetting
from untilclick.rewriter.config import LearnFrom, RunConfig
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.encoding import encode_collection
from untilclick.rewriter.data.first_query_split import split_sessions
from untilclick.rewriter.data.log_sides import SHARES, LogSides, split_by_need
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.data.show import silently
from untilclick.rewriter.judging.sides import SplitKey
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.language.outside_words import typed_words
from untilclick.rewriter.policy.models import RewriterModel
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.policy.t5_folder import recorded_encoder
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.stages.reader import read_by_meaning
from untilclick.rewriter.stages.record import (
    BASE,
    StageOutcome,
    StageRecord,
    analysis_of_run,
    encoder_of,
    first_stage,
    load_stage,
    read_stage,
    write_stage,
)
from untilclick.rewriter.training.callbacks import Progress, units_of
from untilclick.rewriter.training.held_out import (
    further_validation,
    held_out_queries,
    never_worse,
    open_validation,
    sharpened_score,
    simulated_held_out,
)
from untilclick.rewriter.training.scored import Scored
from untilclick.rewriter.training.validation import BlendChoice, ValidationSet
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.engines.vectors.encoded_documents import vector_folder
from untilclick.search.errors import DataError, ModelError, UntilclickError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session
from untilclick.search.text.encoders.opened import AUTO, NONE

LEAST_NEEDS = 2
"""Smallest number of needs that a training can read."""
LogInput = Iterable[Session] | LogSides
"""The sessions of a log, or a log that is split already."""

logger = logging.getLogger(__name__)


class Sources(NamedTuple):
    """The collection and the log that a stage reads."""

    opened: OpenedCollection
    log: LogInput
    key: SplitKey
    """Decides the sides of the log."""


def load_opened(run: RunConfig, analysis: str | None = None) -> OpenedCollection:
    """The collection that a run names. `analysis` is the name of that of its models; None: the run's language
    decides. Without a sentence encoder, a warning says what is lost.

    Raises DataError for documents that cannot be read, AnalysisError for an unknown language, and ModelError for what
    is no encoder."""
    language = run.language if analysis is None else None
    opened = OpenedCollection.load(run.data, run.engine, run.seed, analysis=analysis, language=language)
    encoded = encode_collection(run.encoder, opened, silently)
    if encoded.note:
        logger.warning("%s", encoded.note)
    return opened.with_vectors(encoded.corpus)


@contextmanager
def open_sources(
    run: RunConfig,
    opened: OpenedCollection | None = None,
    log: LogInput | None = None,
    start: Path | None = None,
) -> Iterator[Sources]:
    """Open the log and the collection that a run names, unless the caller has opened them. `start` is the folder of
    the model that training continues; None: the first of the run. Raises UntilclickError if the run names no log,
    LogError for a log that does not exist, DataError for documents that cannot be read."""
    with ExitStack() as stack:
        if log is None:
            if run.log is None:
                raise UntilclickError("This stage learns from a session log; name it with --log")
            log = stack.enter_context(SessionLog.open(run.log, create=False)).sessions()
        yield Sources(opened or _opened_for(run, start or first_stage(run.out)), log, run.split_key)


def _opened_for(run: RunConfig, start: Path | None) -> OpenedCollection:
    """The collection of a run, with the analysis of its models and the sentence encoder of the model to start from.
    Raises as `load_opened`, and ModelError if this machine has the encoder no more."""
    analysis = analysis_of_run(run.out)
    if start is None:
        return load_opened(run, analysis)
    record = recorded_encoder(start)
    if record is None:
        reads_meaning = read_stage(start).blend.mixture is not None
        return load_opened(replace(run, encoder=AUTO if reads_meaning else NONE), analysis)
    opened = load_opened(replace(run, encoder=NONE), analysis)
    documents = opened.collection.corpus.documents
    return opened.with_vectors(EncodedCorpus.of(documents, record.open(), vector_folder(None)))


def sides_of(sources: Sources, start: StageRecord) -> LogSides:
    """The log of a training that starts from a stage, split as it was for that stage. Raises ModelError if another
    key decided its sides."""
    opened, log = sources.opened, sources.log
    if isinstance(log, LogSides):
        return log
    if start.stage != BASE and start.split is None:  # a run of an earlier version
        split = split_sessions(log, SHARES.validation)
        return LogSides(split.training, split.validation, (), {}, opened.analysis, None)
    if start.split is not None and start.split.key != sources.key.name:
        raise ModelError(
            "The model to start from was trained with another split key; give that key, or train it again"
        )
    return split_by_need(log, opened.collection.topics, opened.analysis, sources.key)


def check_needs(sides: LogSides) -> None:
    """Raises DataError for a log with too few needs to learn from one and to choose by another."""
    if sides.record is not None and sides.record.n_needs < LEAST_NEEDS:
        stated = {0: "no need", 1: "1 need"}[sides.record.n_needs]
        raise DataError(
            f"The clicks of the log's {sides.record.n_sessions:,} sessions state {stated}, and {LEAST_NEEDS} are "
            "needed: one to learn from and another to choose by; log more sessions"
        )


@dataclass(frozen=True)
class StageInput:
    """The model and the data that a stage starts from. Costly parts are computed once, at their first use."""

    opened: OpenedCollection
    start: Path
    """Folder of the model that training continues."""
    model: RewriterModel
    """The model of that folder; its policy is trained in place."""
    sides: LogSides
    """The log that the model is trained, chosen and judged by."""
    caution: HarmSetting = "balanced"
    """How much harm a blend may do, see `ValidationSet`."""
    validate_by: LearnFrom = "judgments"
    """What validation reads, see `held_out_queries`."""

    @classmethod
    def read(
        cls,
        sources: Sources,
        start: Path,
        caution: HarmSetting = "balanced",
        validate_by: LearnFrom = "judgments",
    ) -> StageInput:
        """Load the model and split the log. Raises ModelError without a model, or with a model of other documents;
        DataError for a log of too few needs."""
        model, sides = load_stage(sources.opened, start), sides_of(sources, read_stage(start))
        check_needs(sides)
        return cls(sources.opened, start, model, sides, caution, validate_by)

    def with_typed_words(self) -> StageInput:
        """The same with a model that reads words of the log that no document holds, see `typed_words`."""
        words = typed_words(self.sides.word_sessions, self.opened.analysis, self.opened.spelling)
        return replace(self, model=self.model.with_outside_words(words, encoder_of(self.opened)))

    @property
    def policy(self) -> T5Policy:
        """The policy that is trained."""
        return self.model.policy

    @property
    def language(self) -> Language:
        """The language of the model."""
        return self.model.language

    @cached_property
    def blend(self) -> BlendSettings:
        """The blend that was chosen for the starting model."""
        return read_stage(self.start).blend

    @cached_property
    def scorer(self) -> CorpusScorer:
        """Batched BM25 over the corpus, with the engine's settings."""
        return CorpusScorer.of(self.opened, self.language.vocabulary)

    @cached_property
    def judged_validation(self) -> list[JudgedQuery]:
        """Validation queries with the grades of simulated users' topics; empty if no session names a topic."""
        return simulated_held_out(self.opened, self.sides)

    @cached_property
    def validation(self) -> ValidationSet:
        """The validation queries. Raises DataError if there are none."""
        queries = held_out_queries(self.opened, self.sides, self.validate_by)
        typed = open_validation(self.opened, queries, self.scorer, self.language, self.caution)
        return read_by_meaning(typed, self.model, self.opened).with_further(partial(self._further, typed))

    def _further(self, validation: ValidationSet) -> ValidationSet | None:
        """See `further_validation`; read by meaning. None where clicks validate, because it reads judgments."""
        if self.validate_by == "clicks":
            return None
        further = further_validation(self.opened, self.sides, self.scorer, self.language, validation)
        return None if further is None else read_by_meaning(further, self.model, self.opened)

    def score(self, policy: T5Policy) -> Scored:
        """nDCG@10 of a policy on the validation queries, in the starting model's blend at the best sharpness of the
        grid, because training changes how sharp a policy's distributions are."""
        return sharpened_score(self.validation, self.model.with_policy(policy).reader(), self.blend)

    def never_worse(self, policy: T5Policy, progress: Progress | None = None) -> BlendChoice:
        """The blend for a trained policy: the best of the grid, or the starting model's blend if that is better."""
        start, reader = read_stage(self.start), self.model.with_policy(policy).reader()
        return never_worse(self.validation, reader, start.blend, start.blends, units_of(progress))

    def write(self, folder: Path, outcome: StageOutcome, policy: T5Policy | None = None) -> Path:
        """Write the stage with the trained policy, or with `policy` in its place; returns the stage's folder."""
        model = self.model if policy is None else self.model.with_policy(policy)
        return write_stage(self.opened, folder, model, replace(outcome, split=self.sides.record))
