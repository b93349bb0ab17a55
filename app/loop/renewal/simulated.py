"""Sessions of simulated users beside the real ones of a log, in the training of a renewal.

They are learned from by the candidate alone. They have no need, so the split of the log, what judges and what is
counted stay those of the real sessions. Their needs are made from the documents, and nothing of the judged side is
read: the users' words come from the training sessions of each training.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from shutil import rmtree
from time import monotonic

import numpy as np

from untilclick.app.loop.renewal.config import RenewalConfig, SimulatedSessions
from untilclick.app.loop.renewal.training import train_on_log
from untilclick.rewriter.data.log_sides import LogSides
from untilclick.rewriter.data.logged_queries import simulated_queries
from untilclick.rewriter.data.show import ShowProgress
from untilclick.rewriter.judging.evidence import WITHOUT_SIMULATED, Finding, Verdict
from untilclick.rewriter.judging.sentences import sentence
from untilclick.rewriter.proof.contest import JudgingConfig, contest, contestant
from untilclick.rewriter.proof.refit import with_base_alone
from untilclick.rewriter.proof.retraining import judged_stage
from untilclick.rewriter.stages.record import BASE
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.corpora.topics import topics_from_documents
from untilclick.search.records import Session, Topic
from untilclick.search.users.need import NeedReader
from untilclick.search.users.simulate import simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig

MOST_SESSIONS = 10_000
"""Largest number of sessions that `auto` makes."""
MOST_DOCUMENTS = 20_000
"""Largest number of documents that needs are made from; of more, so many are drawn."""
TRIAL = "with_simulated"
"""Folder of the run in which `auto` trains with simulated sessions."""


@dataclass(frozen=True)
class SimulatedRecord:
    """What became of simulated sessions in a renewal; a field of `renewal.json`."""

    asked: SimulatedSessions
    """The setting."""
    sessions: int
    """Number of sessions that were made."""
    used: bool
    """Whether what was judged has learned from them."""
    finding: Finding | None
    """The training with them against the one without, on held-out needs of the log; None if that was not asked."""
    reason: str
    """Why none were made; empty otherwise."""
    seconds: float
    """Seconds that the comparison took, for the second training and its judgement."""

    @property
    def sentence(self) -> str:
        """What became of them, in a sentence or two for people."""
        if self.reason:
            return f"No simulated sessions were used: {self.reason}."
        if self.finding is None:
            return f"{self.sessions:,} simulated sessions were learned from beside the log's, without a comparison."
        fate = "learned from beside the log's" if self.used else "left out"
        cost = f"The comparison took one more training, {self.seconds:,.0f} s."
        return f"{self.sessions:,} simulated sessions were {fate}. {sentence(self.finding)} {cost}"


@dataclass(frozen=True)
class SiteSimulation:
    """Makes the sessions of simulated users of a site, see `untilclick.rewriter.data.log_sides.Simulation`."""

    opened: OpenedCollection
    users: UserConfig
    n_sessions: int
    seed: int

    @cached_property
    def topics(self) -> Sequence[Topic]:
        """Needs made from the documents."""
        documents = self.opened.collection.corpus.documents
        if len(documents) > MOST_DOCUMENTS:
            rng = np.random.default_rng([self.seed, 5])
            chosen = np.sort(rng.choice(len(documents), MOST_DOCUMENTS, replace=False))
            documents = tuple(documents[row] for row in chosen.tolist())
        splits = topics_from_documents(documents, self.seed, self.opened.analysis)
        return [topic for split in splits.values() for topic in split]

    @cached_property
    def needs(self) -> NeedReader:
        """The words of these needs."""
        return NeedReader(self.opened.index)

    def __call__(self, training: Sequence[Session]) -> Sequence[Session]:
        """The sessions, of users who know no topic: they teach by their clicks, as the sessions of visitors do."""
        del training
        user = SimulatedUser(self.users, self.needs)
        return tuple(_by_clicks(self._simulated(user)))

    def _simulated(self, user: SimulatedUser) -> Iterator[Session]:
        return simulate_sessions(self.topics, self.opened.engine, user, self.n_sessions, self.seed)


def _by_clicks(sessions: Iterator[Session]) -> Iterator[Session]:
    """The sessions without the names of their topics."""
    for session in sessions:
        yield replace(session, turns=tuple(replace(turn, attributes={}) for turn in session.turns))


def train_candidate(
    opened: OpenedCollection, config: RenewalConfig, sides: LogSides, judging: JudgingConfig, show: ShowProgress
) -> tuple[LogSides, SimulatedRecord | None]:
    """Train warm start and PPO, with simulated sessions if the configuration wants them and, for `auto`, if that is
    better on held-out needs. Returns the log with what was learned from beside it. Raises as `train_on_log`."""
    asked = config.simulated_sessions
    if asked == 0:
        train_on_log(opened, config, sides, show)
        return sides, None
    n_sessions = min(sum(not each.abandoned for each in sides.training), MOST_SESSIONS) if asked == "auto" else asked
    simulation = SiteSimulation(opened, UserConfig(), n_sessions, config.seed)
    if reason := _why_not(opened, sides, simulation):
        train_on_log(opened, config, sides, show)
        return sides, SimulatedRecord(asked, 0, used=False, finding=None, reason=reason, seconds=0.0)
    beside = replace(sides, simulation=simulation)
    if asked != "auto":
        train_on_log(opened, config, beside, show)
        return beside, SimulatedRecord(asked, n_sessions, used=True, finding=None, reason="", seconds=0.0)
    train_on_log(opened, config, sides, show)
    start = monotonic()
    finding = _trial(opened, config, beside, judging, show)
    used = finding.verdict is Verdict.BETTER
    _end_trial(config.out, used=used)
    record = SimulatedRecord(asked, n_sessions, used, finding, "", round(monotonic() - start, 1))
    return beside if used else sides, record


def _why_not(opened: OpenedCollection, sides: LogSides, simulation: SiteSimulation) -> str:
    """Why no sessions can be made; empty if they can."""
    if simulated_queries(sides.training, opened.collection.all_topics):
        return "the log's own sessions are those of simulated users"
    if not simulation.topics:
        return "no document has enough words to make a need of it"
    return ""


def _trial(
    opened: OpenedCollection, config: RenewalConfig, beside: LogSides, judging: JudgingConfig, show: ShowProgress
) -> Finding:
    """Train with simulated sessions in a run folder of its own, and compare with the run's own training."""
    folder = config.out / TRIAL
    rmtree(folder, ignore_errors=True)
    run = with_base_alone(config.run, folder)
    train_on_log(opened, config, beside, show, run)
    with show("Judging"):
        version = contestant(TRIAL, judged_stage(folder), opened)
        without = contestant(WITHOUT_SIMULATED, judged_stage(config.out), opened)
        return contest(version, without, opened, beside, judging)


def _end_trial(out: Path, *, used: bool) -> None:
    """Let the stages of the trial take the place of the run's own if they are used, and remove its folder."""
    for part in (out / TRIAL).iterdir() if used else ():
        if part.name == BASE:
            continue
        rmtree(out / part.name, ignore_errors=True)
        part.rename(out / part.name)
    rmtree(out / TRIAL)
