"""The real service under load, killed with -9 at random moments, its database cut: nothing is lost or doubled.

Three rounds by default; FAULT_ROUNDS sets another number. `python -m benchmarks.bench_faults` prints the figures.
"""

import os

import pytest

from benchmarks.bench_faults import FaultPlan, run
from benchmarks.fault_rig import SqliteFile
from tests.postgres_server import running_server

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))


KINDS = [pytest.param("sqlite", marks=pytest.mark.slow), pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(params=KINDS)
def database(request, tmp_path):
    if request.param == "sqlite":
        yield SqliteFile(tmp_path / "log.db")
        return
    with running_server() as server:  # of its own: it is stopped while others may use the shared one
        yield server.database("faults")


def test_what_was_answered_is_logged_once(database, tmp_path):
    outcome = run(tmp_path, database, FaultPlan(ROUNDS))
    assert outcome.kills >= ROUNDS
    assert outcome.audit.turns_acknowledged > ROUNDS
    assert outcome.audit.clicks_acknowledged > 0
    assert (outcome.audit.lost, outcome.audit.doubled, outcome.audit.unasked) == (0, 0, 0)
    assert (outcome.set_aside, outcome.left, outcome.audit.wrong_steps) == (0, 0, 0)
    assert outcome.notes.unexpected == {}
