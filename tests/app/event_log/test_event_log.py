"""The session log as the service uses it; what it does when the database fails is in test_service.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from untilclick.app.event_log.event_log import EventLog
from untilclick.app.event_log.spool_folder import Spool
from untilclick.app.observe.metrics import Metrics
from untilclick.search.records import Turn

from tests.app.stand_ins import ROOMY, AwayLog

MAX_BYTES = 20_000


def turn(i):
    return Turn(f"q{i}", i, "remove files", None, tuple(f"document-{n}" for n in range(100)), (), 1000.0 + i)


@pytest.fixture
def away(tmp_path):
    return AwayLog(f"sqlite:///{tmp_path / 'log.db'}")


def test_the_spools_fill_is_told_in_bytes(tmp_path, away):
    """Long lists fill it with few events; at 1 it refuses them."""
    metrics = Metrics()
    spool = Spool(tmp_path / "spool", MAX_BYTES)
    event_log = EventLog(away, spool, metrics, replace(ROOMY, max_spool_bytes=MAX_BYTES))
    assert metrics.registry.get_sample_value("untilclick_spool_full_share") == 0
    n_accepted = sum(event_log.turn("session", turn(i), None) for i in range(50))
    assert 0 < n_accepted < 50
    share = metrics.registry.get_sample_value("untilclick_spool_full_share")
    assert share == spool.n_bytes / MAX_BYTES
    assert 1 - 1 / n_accepted < share <= 1
    away.back = True
    assert event_log.drain(30)
    assert metrics.registry.get_sample_value("untilclick_spool_full_share") == 0
    event_log.close()
