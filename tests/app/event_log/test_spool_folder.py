"""Files of several processes in one folder: each has one holder, and what an ended process left is taken over."""

import json
import subprocess
import sys
import threading

import pytest

from untilclick.app.event_log.events import decode, encode
from untilclick.app.event_log.spool import SpoolError
from untilclick.app.event_log.spool_folder import SET_ASIDE, Spool, SpoolFullError
from untilclick.search.errors import DataError
from untilclick.search.log.live_events import LiveTurn
from untilclick.search.records import Click, Turn

TURN = LiveTurn("s", Turn("q", 2, "ein Bär", "ein bär", ("a", "b"), (), 3.5, {"n": 1, "x": 0.5, "no": None}), "me")
CLICK = Click("q", "a", 1, 7.25)

_LEFT = """
import sys, time
from pathlib import Path
from untilclick.app.event_log.spool_folder import Spool
from untilclick.search.records import Click
spool = Spool(Path(sys.argv[1]), 10_000)
for i in range(3):
    spool.append(Click("q", f"{sys.argv[2]}-{i}", 1, 1.0))
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def opened(tmp_path):
    """A function that opens spools in one folder; all are closed at the end."""
    spools = []

    def open_spool(max_bytes=10_000):
        spools.append(Spool(tmp_path, max_bytes))
        return spools[-1]

    yield open_spool
    for spool in spools:
        spool.close()


@pytest.fixture
def killed(tmp_path):
    """Two processes that held a file each, with three events, when they were killed."""
    command = [sys.executable, "-c", _LEFT, str(tmp_path)]
    processes = [subprocess.Popen([*command, name], stdout=subprocess.PIPE) for name in "ab"]
    assert [process.stdout.readline() for process in processes] == [b"ready\n"] * 2
    for process in processes:
        with process:
            process.kill()


def documents(spool):
    return [[decode(entry.body).doc_id for entry in file.read(0, 100)] for file in spool.files()]


@pytest.mark.parametrize("event", [TURN, CLICK])
def test_events_come_back_as_they_were(event):
    assert decode(encode(event)) == event


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"view": {}}', b'{"click": {"query_id": 3}}', b"3"])
def test_what_is_no_event_is_refused(body):
    with pytest.raises(DataError, match="cannot be read"):
        decode(body)


def test_spools_of_one_folder_hold_different_files(opened):
    first, second = opened(), opened()
    first.append(CLICK)
    assert (first.waiting, second.waiting) == (1, 0)
    second.adopt()
    assert second.waiting == 0


def test_a_spool_that_is_opened_again_has_what_waits(opened, tmp_path):
    first = opened()
    first.append(TURN)
    first.close()
    second = opened()
    (entry,) = second.files()[0].read(0, 10)
    assert decode(entry.body) == TURN
    assert second.oldest() == 3.5


def test_files_of_ended_processes_are_taken_over_by_one(killed, opened):
    first, second = opened(), opened()
    assert sorted(documents(first) + documents(second)) == [[f"{name}-{i}" for i in range(3)] for name in "ab"]
    third = opened()
    for spool in (third, first, second):
        spool.adopt()
    assert documents(third) == [[]]


def test_what_no_new_process_takes_is_adopted_and_let_go_when_empty(killed, opened):
    first = opened()
    assert first.waiting == 3
    first.adopt()
    assert (first.waiting, len(first.files())) == (6, 2)
    assert documents(opened()) == [[]]
    adopted = first.files()[1]
    adopted.remove(adopted.read(0, 10))
    first.adopt()
    assert (first.waiting, len(first.files())) == (3, 1)


def test_an_event_is_taken_while_somebody_waits_for_the_age_of_the_oldest(opened, monkeypatch):
    """A scrape that waited for a checkpoint held up every search."""
    spool = opened()
    asking, answer = threading.Event(), threading.Event()
    monkeypatch.setattr(spool.files()[0], "oldest", lambda: asking.set() or answer.wait(60) or None)
    scrape = threading.Thread(target=spool.oldest)
    taking = threading.Thread(target=spool.append, args=(CLICK,))
    scrape.start()
    assert asking.wait(60)
    taking.start()
    taking.join(5.0)
    taken = not taking.is_alive()
    answer.set()
    scrape.join()
    taking.join()
    assert taken


def test_a_full_spool_refuses(opened):
    spool = opened(len(encode(CLICK)) * 2)
    spool.append(CLICK)
    spool.append(CLICK)
    with pytest.raises(SpoolFullError, match="as many as it may"):
        spool.append(CLICK)
    file = spool.files()[0]
    file.remove(file.read(0, 1))
    spool.append(CLICK)


def test_a_spool_that_is_closed_empty_leaves_locks_only(opened, tmp_path):
    spool = opened()
    spool.append(CLICK)
    file = spool.files()[0]
    file.remove(file.read(0, 1))
    spool.close()
    assert {path.suffix for path in tmp_path.iterdir()} <= {".lock"}


def test_what_is_set_aside_can_be_read(opened, tmp_path):
    spool = opened()
    spool.append(TURN)
    (entry,) = spool.files()[0].read(0, 10)
    spool.set_aside(entry, "because")
    (line,) = (tmp_path / SET_ASIDE).read_text().splitlines()
    assert json.loads(line)["reason"] == "because"
    assert decode(json.loads(line)["event"].encode()) == TURN


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolError, match="UNTILCLICK_SPOOL"):
        Spool(tmp_path / "file" / "spool", 1000)
