"""Simulated sessions, appended to a log that may hold a part of them already.

Sessions are numbered, independent of each other, and logged in order: an interrupted run with the same settings lacks
only the last ones, and a later run adds these.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from untilclick.app.settings.commands import CommandSettings
from untilclick.app.terminal.terminal import Terminal
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import DataError
from untilclick.search.log.database import parse_log_url
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Collection, Session, Topic
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.popularity import need_popularity
from untilclick.search.users.simulate import SimulateConfig, SimulateSummary, Tally, simulate_sessions
from untilclick.search.users.site.site import Site
from untilclick.search.users.site.users import SiteUsers
from untilclick.search.users.user import SimulatedUser, UserConfig

SETTINGS_SUFFIX = ".simulated.jsonl"
"""Added to the file name of a SQLite log: a file with one line per run, its settings and figures."""


@dataclass(frozen=True)
class SimulationConfig:
    """Which sessions a log is to hold."""

    sessions: int = 60_000
    """Number of sessions in the log after the run."""
    split: str = "train"
    """Split whose topics the users look for."""
    seed: int = 0
    """Seed of all random numbers."""
    user: UserConfig = field(default_factory=UserConfig)
    """Habits of the users."""
    simulate: SimulateConfig = field(default_factory=SimulateConfig)
    """How sessions are made."""


@dataclass(frozen=True)
class SimulationOutcome:
    """What a run did."""

    n_present: int
    """Number of the sessions that the log held before."""
    added: SimulateSummary
    """What this run added."""
    first_id: str
    """Id of the run's first session; `session_ids` gives those of the others."""


def simulation_config(
    settings: CommandSettings,
    sessions: int,
    split: str,
    seed: int,
    click_model: str | None = None,
    habits: Mapping[str, Any] | None = None,  # Any: habits are of every type
) -> SimulationConfig:
    """The configuration for some options and settings; `click_model`, if given, replaces that of the settings.
    `habits` of the users take the place of defaults, and settings that of habits.

    Users of training topics make the misspellings of one half of the list, users of other topics those of the other
    half: a rewriter is evaluated on misspellings that it has not seen. Users of training topics know one half of the
    lay words, users of other topics both. Raises UntilclickError for an unknown setting or a wrong value.
    """
    trains = split == "train"
    chosen: dict[str, Any] = {"misspellings": "train" if trains else "test", "lay_part": "train" if trains else "all"}
    user = settings.stage(UserConfig, "user", **{**chosen, **(habits or {})})
    if click_model is not None:
        user = replace(user, click_model=click_model)
    return SimulationConfig(sessions, split, seed, user, settings.stage(SimulateConfig, "simulate"))


def simulate(
    config: SimulationConfig,
    opened_collection: OpenedCollection,
    log: str,
    terminal: Terminal,
    users: SiteUsers | None = None,
) -> SimulationOutcome:
    """Open the log, add the sessions that it lacks, and record settings and figures. `users` are those of a site,
    with words of their own."""
    collection = opened_collection.collection
    with terminal.progress("Simulating sessions") as update, SessionLog.open(log) as opened:
        if users is None:
            outcome = fill_log(opened, collection, opened_collection.engine, config, update, opened_collection.index)
        else:
            outcome = fill_log_of_site(opened, opened_collection, users, config, update)
    figures = {"there": outcome.n_present, "added": asdict(outcome.added)}
    _record_run(log, {"data": collection.corpus.source, "settings": asdict(config), "figures": figures})
    return outcome


def _record_run(log: str, record: dict[str, object]) -> None:
    """Add a line to the file beside a SQLite log; a log on a database server has no such file."""
    url = parse_log_url(log)
    if url.drivername.startswith("sqlite") and url.database:
        with Path(url.database + SETTINGS_SUFFIX).open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")


def fill_log(
    log: SessionLog,
    collection: Collection,
    engine: SearchEngine,
    config: SimulationConfig,
    progress: Callable[[int, int], None] | None = None,
    index: TermIndex | None = None,
) -> SimulationOutcome:
    """Simulate the sessions that the log lacks. Raises DataError for a split without topics."""
    index = index or TermIndex.build(collection.corpus, engine.analysis)
    user = SimulatedUser.of(collection, config.user, index)
    return _filled(log, _People.of(collection, config, engine, user), config, progress)


def fill_log_of_site(
    log: SessionLog,
    opened: OpenedCollection,
    users: SiteUsers,
    config: SimulationConfig,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationOutcome:
    """Simulate the sessions that the log lacks, of the users of a site. Raises DataError for a split without
    topics."""
    collection = opened.collection
    site = Site(collection.corpus, opened.index, opened.engine, config.seed)
    user = site.user(config.user, users.vocabulary, collection.queries)
    people = _People.of(collection, config, opened.engine, user)
    return _filled(log, people._replace(mark=users.vocabulary.digest), config, progress)


class _People(NamedTuple):
    """The users of a simulation, with what they look for and where."""

    topics: Sequence[Topic]
    popularity: NDArray[np.float64] | None
    """See `simulate_sessions`."""
    engine: SearchEngine
    user: SimulatedUser
    mark: str = ""
    """Part of the ids of their sessions that tells their words from those of others."""

    @classmethod
    def of(cls, collection: Collection, config: SimulationConfig, engine: SearchEngine, user: SimulatedUser) -> Self:
        """The users of a collection. Raises DataError for a split without topics."""
        topics = _topics(collection, config.split)
        exponent = config.simulate.prominence_exponent if collection.queries == "made" else 0.0
        popularity = need_popularity(topics, collection.corpus, exponent)
        return cls(topics, popularity, engine, user)

    def sessions(self, config: SimulationConfig, first: int, n: int) -> Iterator[Session]:
        """n sessions from that number on."""
        settings = replace(config.simulate, first_number=first)
        sessions = simulate_sessions(
            self.topics, self.engine, self.user, n, config.seed, settings, popularity=self.popularity
        )
        return (_marked(session, self.mark) for session in sessions) if self.mark else sessions


def _topics(collection: Collection, split: str) -> Sequence[Topic]:
    topics = collection.topics.get(split)
    if not topics:
        splits = ", ".join(name for name, topics in collection.topics.items() if topics) or "none"
        raise DataError(f"{collection.corpus.source} has no topics in split {split!r}. Splits with topics: {splits}")
    return topics


def _filled(
    log: SessionLog, people: _People, config: SimulationConfig, progress: Callable[[int, int], None] | None
) -> SimulationOutcome:
    first_id = next(people.sessions(config, 0, 1)).session_id
    n_present = _logged(log, first_id, config.sessions)
    tally = Tally(lambda done: progress(n_present + done, config.sessions) if progress else None)
    log.append(tally.count(people.sessions(config, n_present, config.sessions - n_present)))
    return SimulationOutcome(n_present, tally.summary, first_id)


def session_ids(first_id: str, n: int) -> list[str]:
    """The ids of the first n sessions of a run."""
    prefix, _, digits = first_id.rpartition("-")
    return [f"{prefix}-{number:0{len(digits)}d}" for number in range(n)]


def first_sessions(log: str, first_id: str, n: int) -> list[Session]:
    """The first n sessions of a run, as the log holds them."""
    with SessionLog.open(log, create=False) as opened:
        sessions = map(opened.session, session_ids(first_id, n))
        return [session for session in sessions if session is not None]


def _marked(session: Session, mark: str) -> Session:
    """The session with ids of session and visitor that hold a mark: people of other words are others, and both
    stay in a log."""
    name = session.session_id.replace("-", f"-{mark}-", 1)

    def renamed(query_id: str) -> str:
        return query_id.replace(session.session_id, name, 1)

    turns = (
        replace(
            turn,
            query_id=renamed(turn.query_id),
            clicks=tuple(replace(click, query_id=renamed(click.query_id)) for click in turn.clicks),
        )
        for turn in session.turns
    )
    client = None if session.client_id is None else f"{mark}-{session.client_id}"
    return replace(session, session_id=name, turns=tuple(turns), client_id=client)


def _logged(log: SessionLog, first_id: str, n: int) -> int:
    """Number of the n sessions that the log holds: found by bisection, since they are logged in order."""
    ids = session_ids(first_id, n)
    return bisect_left(ids, True, key=lambda session_id: log.session(session_id) is None)
