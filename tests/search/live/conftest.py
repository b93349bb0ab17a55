"""Live indexes that are closed after a test."""

from __future__ import annotations

import pytest

from untilclick.search.live.live_indexes import LiveIndexes

from tests.search.live.toy_shop import corpus


@pytest.fixture
def opened(tmp_path):
    """Opens live indexes below one folder; each call stands for a process."""
    everything = []

    def make(of=None, unclear="refuse"):
        everything.append(LiveIndexes(of or corpus(), tmp_path / "index", unclear))
        return everything[-1]

    yield make
    for indexes in everything:
        indexes.close()
