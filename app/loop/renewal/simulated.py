"""Sessions of simulated users beside the real ones of a log, in the training of a renewal.

They are learned from by the candidate alone. They have no need, so the split of the log, what judges and what is
counted stay those of the real sessions. Their needs are made from the documents, and they are made from nothing of
the judged side: the users' words come from the training sessions of each training. `auto` compares the trainings
with and without them on the judged side, so the judgement of the one that is taken has a choice of two behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from time import monotonic

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
from untilclick.search.errors import UntilclickError
from untilclick.search.records import Session
from untilclick.search.users.site.fit import fit_site
from untilclick.search.users.site.site import Site
from untilclick.search.users.site.users import SiteUsers
from untilclick.search.users.site.vocabulary import SiteVocabulary
from untilclick.search.users.user import UserConfig

MOST_SESSIONS = 10_000
"""Largest number of sessions that `auto` makes."""
TRIAL = "with_simulated"
"""Folder of the run in which `auto` trains with simulated sessions."""


@dataclass(frozen=True)
class UsersRecord:
    """Where the simulated users come from. No word of a visitor is in it."""

    habits_of_log: tuple[str, ...]
    """Names of the habits that the log told; the others are the defaults."""
    words_of_log: int
    """Number of words that visitors call things by and documents do not."""
    notes: tuple[str, ...]
    """What the log lacks."""

    @classmethod
    def of(cls, users: SiteUsers) -> UsersRecord:
        """What a record says of fitted users."""
        told = (value.name for value in users.values if value.origin == "log")
        return cls(tuple(told), users.vocabulary.n_lay_words, users.notes)

    @property
    def words(self) -> str:
        """`of users with 14 habits and 6 words from the log`."""
        return f"of users with {len(self.habits_of_log)} habits and {self.words_of_log} words from the log"


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
    reason: str = ""
    """Why none were made; empty otherwise."""
    users: UsersRecord | None = None
    """The users that made them; None if none were made."""
    seconds: float = 0.0
    """Seconds that the comparison took: the fit of the users, the second training and its judgement."""

    @property
    def sentence(self) -> str:
        """What became of them, in a sentence or two for people."""
        if self.users is None:
            return f"No simulated sessions were used: {self.reason}."
        made = f"{self.sessions:,} simulated sessions, {self.users.words},"
        if self.finding is None:
            return f"{made} were learned from beside the log's, without a comparison."
        fate = "learned from beside the log's" if self.used else "left out"
        cost = f"The comparison took one more training, {self.seconds:,.0f} s."
        return f"{made} were {fate}. {sentence(self.finding)} {cost}"


@dataclass(frozen=True)
class SiteSimulation:
    """Makes the sessions of simulated users of a site, see `untilclick.rewriter.data.log_sides.Simulation`."""

    site: Site
    habits: UserConfig
    """The habits of the users, which are fitted once; their words are read from the sessions of each training."""
    n_sessions: int

    def __call__(self, training: Sequence[Session]) -> Sequence[Session]:
        """The sessions, of users who know no topic: they teach by their clicks, as the sessions of visitors do."""
        vocabulary = SiteVocabulary.of_log(training, self.site.index, self.site.dictionary)
        sessions = self.site.sessions(self.habits, vocabulary, self.n_sessions, "train")
        return tuple(
            replace(session, turns=tuple(replace(turn, attributes={}) for turn in session.turns))
            for session in sessions
        )


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
    site = Site(opened.collection.corpus, opened.index, opened.engine, config.seed)
    if reason := _why_not(opened, sides, site):
        train_on_log(opened, config, sides, show)
        return sides, SimulatedRecord(asked, 0, used=False, finding=None, reason=reason)
    if asked == "auto":
        train_on_log(opened, config, sides, show)
        try:
            return _tried(opened, config, sides, judging, show, site=site, n_sessions=n_sessions)
        except UntilclickError as error:  # the trial is optional: the finished training stays
            rmtree(config.out / TRIAL, ignore_errors=True)
            return sides, SimulatedRecord(asked, 0, used=False, finding=None, reason=str(error).rstrip("."))
    beside, record = _beside(sides, asked, site, n_sessions, show)
    train_on_log(opened, config, beside, show)
    return beside, record


def _beside(
    sides: LogSides, asked: SimulatedSessions, site: Site, n_sessions: int, show: ShowProgress
) -> tuple[LogSides, SimulatedRecord]:
    """The log with sessions of users that are fitted to its training side."""
    with show("Fitting users"):
        users = fit_site(site, sides.training, UserConfig())
    habits = replace(users.config, misspellings="train", lay_part="train")  # an evaluation keeps the other halves
    beside = replace(sides, simulation=SiteSimulation(site, habits, n_sessions))
    return beside, SimulatedRecord(asked, n_sessions, used=True, finding=None, users=UsersRecord.of(users))


def _tried(  # noqa: PLR0913  what is compared, on what
    opened: OpenedCollection,
    config: RenewalConfig,
    sides: LogSides,
    judging: JudgingConfig,
    show: ShowProgress,
    *,
    site: Site,
    n_sessions: int,
) -> tuple[LogSides, SimulatedRecord]:
    """As `train_candidate` for `auto`, after the training without simulated sessions."""
    start = monotonic()
    beside, record = _beside(sides, "auto", site, n_sessions, show)
    finding = _trial(opened, config, beside, judging, show)
    used = finding.verdict is Verdict.BETTER
    _end_trial(config.out, used=used)
    record = replace(record, used=used, finding=finding, seconds=round(monotonic() - start, 1))
    return beside if used else sides, record


def _why_not(opened: OpenedCollection, sides: LogSides, site: Site) -> str:
    """Why no sessions can be made; empty if they can."""
    if simulated_queries(sides.training, opened.collection.all_topics):
        return "the log's own sessions are those of simulated users"
    if not site.splits["train"]:
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
