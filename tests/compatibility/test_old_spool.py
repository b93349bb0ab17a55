"""A folder of events that version 0.1.0 had answered and not yet logged when it ended."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

PATIENCE = 1_000_000_000
"""Seconds for which clicks may wait: longer than the examples will be old."""


@pytest.fixture
def deliver(serving):
    """Serve with the spool until as many events are delivered; its figures then."""

    def deliver(events):
        with serving(engine="rank-bm25", spool="spool", click_patience_s=PATIENCE) as client:
            deadline = time.monotonic() + 60
            while (spool := figures(client))["delivered_total"] < events:
                assert time.monotonic() < deadline, spool
                time.sleep(0.05)
            return spool

    return deliver


def figures(client):
    """The metrics of the spool."""
    prefix, lines = "untilclick_spool_", client.get("/metrics").text.splitlines()
    pairs = (line.removeprefix(prefix).split() for line in lines if line.startswith(prefix))
    return {name: float(value) for name, value in pairs}


def logged(call):
    """Every session of the log, ordered by id."""
    call("log", "export", "--log", "new.db", "--out", "new.jsonl", "--format", "jsonl")
    lines = Path("new.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted((json.loads(line) for line in lines), key=lambda session: session["session_id"])


def test_a_new_process_delivers_what_three_processes_left(deliver, call, examples, expected):
    """One ended with its database away, one was killed (its file has a WAL), and one file has a bad page: what that
    page held is lost, among it the query of a click on the next page, which goes on waiting."""
    reference = expected("spool")
    spool = deliver(reference["delivered"])
    assert (spool["delivered_total"], spool["waiting"]) == (reference["delivered"], reference["waiting"])
    assert (spool["set_aside_total"], spool["refused_total"]) == (1, 0)
    assert logged(call) == reference["sessions"]
    aside = (examples / "spool" / "set-aside.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["event"] for line in aside] == [reference["set_aside"]]
    assert len(list((examples / "spool").glob("2.db.damaged-*"))) == 1


def test_a_second_start_delivers_nothing_twice(deliver, call, expected):
    reference = expected("spool")
    deliver(reference["delivered"])
    assert deliver(0)["waiting"] == reference["waiting"]
    assert logged(call) == reference["sessions"]
