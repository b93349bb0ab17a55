"""Simulated sessions into a log, going on where an earlier run of the same settings was cut off.

Sessions are numbered, do not depend on each other, and are logged in order; so what a log lacks of them is the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from untilclick.search.engines.protocol import SearchEngine
from untilclick.search.errors import DataError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Collection, Session
from untilclick.search.text.term_index import TermIndex
from untilclick.search.users.simulate import SimulateConfig, SimulateSummary, Tally, simulate_sessions
from untilclick.search.users.user import SimulatedUser, UserConfig


@dataclass(frozen=True)
class SimulationConfig:
    """Which sessions."""

    sessions: int = 60_000
    """How many the log holds in the end."""
    split: str = "train"
    """Whose topics the users have."""
    seed: int = 0
    """Decides everything that is drawn."""
    user: UserConfig = field(default_factory=UserConfig)
    """Habits of the users."""
    simulate: SimulateConfig = field(default_factory=SimulateConfig)
    """How sessions are made."""


@dataclass(frozen=True)
class SimulationOutcome:
    """What a run did."""

    there: int
    """Sessions that an earlier run had logged."""
    added: SimulateSummary
    """What this run added."""


def fill_log(
    log: SessionLog,
    collection: Collection,
    engine: SearchEngine,
    config: SimulationConfig,
    progress: Callable[[int, int], None] | None = None,
    index: TermIndex | None = None,
) -> SimulationOutcome:
    """Simulate what the log lacks. Raises DataError for a split without topics."""
    topics = collection.topics.get(config.split)
    if not topics:
        known = ", ".join(name for name, found in collection.topics.items() if found) or "none"
        raise DataError(
            f"{collection.corpus.source} has no topics in split {config.split!r}. Splits with topics: {known}"
        )
    user = SimulatedUser.of(collection, config.user, index)

    def numbered(first: int, n: int) -> Iterator[Session]:
        return simulate_sessions(topics, engine, user, n, config.seed, replace(config.simulate, first_number=first))

    there = _logged(log, next(numbered(0, 1)).session_id, config.sessions)
    tally = Tally(lambda done: progress(there + done, config.sessions) if progress else None)
    log.append(tally.count(numbered(there, config.sessions - there)))
    return SimulationOutcome(there, tally.summary)


def _logged(log: SessionLog, first_id: str, n: int) -> int:
    """How many of n sessions are there: found by bisection, since they are logged in order of their numbers."""
    prefix, _, digits = first_id.rpartition("-")
    low, high = 0, n
    while low < high:
        middle = (low + high) // 2
        if log.session(f"{prefix}-{middle:0{len(digits)}d}") is None:
            high = middle
        else:
            low = middle + 1
    return low
