"""Simulated sessions beside those of a real log: the work of `untilclick simulate --compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from untilclick.app.loop.simulating.realism_plot import check_plot_path
from untilclick.app.loop.simulation import SimulationOutcome, session_ids
from untilclick.app.loop.site_users import real_sessions
from untilclick.search.corpora.opened import OpenedCollection
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import TOPIC_ATTRIBUTE, Session
from untilclick.search.users.realism.comparing import Comparison, RealLog, compare, usable_sessions
from untilclick.search.users.realism.statistics import Texts

MOST_SIMULATED = 5000
"""Most simulated sessions of a run that are compared: their values are then known far better than those of a log."""


def real_log(log: str, plot: Path) -> list[Session]:
    """The sessions of a log that users would be fitted to (`site_users.real_sessions`) and that have a query; read
    before anything is simulated.

    Raises LogError for a missing log, and DataError for one with fewer than two sessions with a query or without any
    click, and for the name of a plot that cannot be drawn.
    """
    check_plot_path(plot)
    return usable_sessions(real_sessions(log))


def compare_run(
    real: Sequence[Session], outcome: SimulationOutcome, opened: OpenedCollection, log: str, seed: int
) -> Comparison:
    """Compare the first sessions of a run, which a log holds, with real sessions. Raises DataError if it has none."""
    ids = session_ids(outcome.first_id, min(outcome.n_present + outcome.added.sessions, MOST_SIMULATED))
    with SessionLog.open(log, create=False) as logs:
        simulated = list(logs.sessions(session_ids=ids))
    topic_of = {
        session.session_id: str(topic)
        for session in real
        if (topic := session.turns[0].attributes.get(TOPIC_ATTRIBUTE)) is not None
    }
    return compare(RealLog(real, Texts(opened.index), topic_of), simulated, seed)
