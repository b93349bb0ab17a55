"""The counters of a process before and after the first event."""

from __future__ import annotations

import pytest

from untilclick.app.observe.metrics import Metrics


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", [500, 503])
def test_failed_searches_are_counted_from_0_on(method, status):
    """A series that began with its first failures had no rise, so that no alert saw a burst between two scrapes."""
    metrics = Metrics()
    labels = {"method": method, "route": "/v1/search", "status": str(status)}
    assert metrics.registry.get_sample_value("untilclick_requests_total", labels) == 0
    metrics.request(method, "/v1/search", status, 0.1)
    assert metrics.registry.get_sample_value("untilclick_requests_total", labels) == 1


def test_the_spool_is_asked_at_every_scrape():
    metrics = Metrics()
    shares = iter([0.25, 0.5])
    metrics.watch_spool(lambda: 3, lambda: 7, lambda: next(shares))
    for share in (0.25, 0.5):
        assert f"untilclick_spool_full_share {share}\n".encode() in metrics.text()
