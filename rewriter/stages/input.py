"""What a training stage goes on from: an opened collection, a trained model, and a log in two parts.

The queries to learn from differ from stage to stage; each stage takes them from `StageInput.sessions.training`. The
queries to validate on are the same for all, so that no stage is chosen on what an earlier one learned from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from untilclick.rewriter.config import RunConfig
from untilclick.rewriter.data.click_rates import rated_queries
from untilclick.rewriter.data.corpus_scorer import CorpusScorer
from untilclick.rewriter.data.logged_queries import JudgedQuery, SplitLog, simulated_queries, split_sessions
from untilclick.rewriter.language.language import Language
from untilclick.rewriter.policy.models import RewriterModel
from untilclick.rewriter.policy.t5 import T5Policy
from untilclick.rewriter.serving.blend import BlendSettings
from untilclick.rewriter.stages.record import StageOutcome, load_stage, read_stage, write_stage
from untilclick.rewriter.training.held_out import VALIDATION_SHARE, never_worse, open_validation, sharpened_score
from untilclick.rewriter.training.validation import BlendChoice, ValidationSet
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.errors import UntilclickError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session


class Sources(NamedTuple):
    """What a stage reads besides the model that it goes on from."""

    opened: OpenedCollection
    sessions: Iterable[Session]


@contextmanager
def open_sources(
    run: RunConfig, opened: OpenedCollection | None = None, sessions: Iterable[Session] | None = None
) -> Iterator[Sources]:
    """The log and the collection that a run names, unless the caller has opened them. Raises LogError for a log that
    is not there, DataError for documents that cannot be read."""
    with ExitStack() as stack:
        if sessions is None:
            if run.log is None:
                raise UntilclickError("This stage learns from a session log; name it with --log")
            sessions = stack.enter_context(SessionLog.open(run.log, create=False)).sessions()
        yield Sources(opened or OpenedCollection.load(run.data, run.engine, run.seed), sessions)


@dataclass(frozen=True)
class StageInput:
    """The start of a stage. What is costly is computed at its first use, once."""

    opened: OpenedCollection
    start: Path
    """Folder of the model that training goes on from."""
    model: RewriterModel
    """That model; its policy is trained in place."""
    sessions: SplitLog
    harm_limit: float | None = None
    """See `ValidationSet`."""

    @classmethod
    def read(cls, sources: Sources, start: Path, harm_limit: float | None = None) -> StageInput:
        """Load the model and split the log. Raises ModelError without a model, or with one of other documents."""
        model = load_stage(sources.opened, start)
        return cls(sources.opened, start, model, split_sessions(sources.sessions, VALIDATION_SHARE), harm_limit)

    @property
    def policy(self) -> T5Policy:
        """The weights that are trained."""
        return self.model.policy

    @property
    def language(self) -> Language:
        """The language of the model."""
        return self.model.language

    @cached_property
    def blend(self) -> BlendSettings:
        """The blend that was chosen for the start."""
        return read_stage(self.start).blend

    @cached_property
    def scorer(self) -> CorpusScorer:
        """Batched BM25 with the engine's settings."""
        return CorpusScorer.of(self.opened, self.language.vocabulary)

    @cached_property
    def judged_validation(self) -> list[JudgedQuery]:
        """Validation queries with the grades of their simulated users' topics; none if no session names a topic."""
        return simulated_queries(self.sessions.validation, self.opened.collection.all_topics)

    @cached_property
    def validation(self) -> ValidationSet:
        """The validation queries. Raises DataError when there are none."""
        queries = self.judged_validation or rated_queries(self.sessions.validation)
        return open_validation(self.opened, queries, self.scorer, self.language, self.harm_limit)

    def score(self, policy: T5Policy) -> float:
        """nDCG@10 of a policy on the validation queries, in the start's blend at the best sharpness of the grid:
        training sharpens what a policy learns."""
        return sharpened_score(self.validation, self.model.with_policy(policy).reader(), self.blend)

    def never_worse(self, policy: T5Policy) -> BlendChoice:
        """The blend for a trained policy: the best of the grid, or the start's if that is better."""
        return never_worse(self.validation, self.model.with_policy(policy).reader(), self.blend)

    def write(self, folder: Path, outcome: StageOutcome, policy: T5Policy | None = None) -> Path:
        """Write the stage, of the trained policy or another one; returns its folder."""
        model = self.model if policy is None else self.model.with_policy(policy)
        return write_stage(self.opened, folder, model, outcome)
