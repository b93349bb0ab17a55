"""Files of several processes in one folder: each has one holder, and what an ended process left is taken over."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from untilclick.app.event_log.events import decode, encode
from untilclick.app.event_log.spool import SpoolError, SpoolFile
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
    assert second.oldest == 3.5


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


@pytest.fixture
def damaged(tmp_path):
    """0.db of an ended process with 300 clicks, of which one page is overwritten; its bytes."""
    spool = Spool(tmp_path, 1_000_000)
    for i in range(300):
        spool.append(replace(CLICK, doc_id=f"{i} " * 30))
    spool.close()
    data = bytearray((tmp_path / "0.db").read_bytes())
    leaves = [at for at in range(4096, len(data), 4096) if data[at] == 13]
    data[leaves[3] : leaves[3] + 4096] = b"\xff" * 4096
    (tmp_path / "0.db").write_bytes(data)
    return bytes(data)


def test_what_can_be_read_of_a_damaged_file_is_saved(damaged, opened, tmp_path, caplog):
    spool = opened(1_000_000)
    assert 270 < spool.waiting < 300
    assert [file.path.name for file in spool.files()] == ["1.db"]
    (aside,) = tmp_path.glob("0.db.damaged-*")
    assert aside.read_bytes() == damaged
    assert f"{spool.waiting} events of it are saved in {tmp_path / '1.db'}" in caplog.text
    spool.append(CLICK)
    assert decode(spool.files()[0].read(0, 1000)[-1].body) == CLICK


def test_a_damaged_file_of_an_ended_process_is_adopted(damaged, opened, tmp_path):
    (tmp_path / "0.db").rename(tmp_path / "7.db")
    spool = opened(1_000_000)
    spool.append(CLICK)
    spool.adopt()
    assert [file.path.name for file in spool.files()] == ["0.db", "1.db"]
    assert 271 < spool.waiting < 301
    assert len(list(tmp_path.glob("7.db.damaged-*"))) == 1
    spool.adopt()
    assert len(spool.files()) == 2


def test_a_damaged_file_stays_in_its_place_until_what_it_held_is_saved(damaged, opened, tmp_path, monkeypatch):
    """A disk that fills up meanwhile, and a process that is killed: the next start tries again."""

    def full(file, entries):
        raise SpoolError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(SpoolFile, "restore", full)
        with pytest.raises(SpoolError, match="disk full"):
            Spool(tmp_path, 1_000_000)
    assert {path.name for path in tmp_path.glob("*.db*")} == {"0.db"}
    assert opened(1_000_000).waiting > 270


def test_a_damaged_file_that_nothing_can_be_read_of_keeps_nobody_from_starting(opened, tmp_path):
    (tmp_path / "0.db").write_bytes(b"no database at all" * 100)
    opened().append(CLICK)
    (aside,) = tmp_path.glob("0.db.damaged-*")
    assert aside.read_bytes().startswith(b"no database")


def test_a_new_file_that_version_0_1_0_did_not_put_in_its_place_is_taken(opened, tmp_path):
    """That version saved what it could read in `0.db.new`, and may have ended before it renamed it."""
    first = opened()
    first.append(CLICK)
    first.close()
    (tmp_path / "0.db").rename(tmp_path / "0.db.new")
    assert documents(opened()) == [["a"]]


def test_a_full_spool_refuses(opened):
    spool = opened(len(encode(CLICK)) * 2)
    spool.append(CLICK)
    spool.append(CLICK)
    with pytest.raises(SpoolFullError, match="which is its limit; see UNTILCLICK_SPOOL_MAX_BYTES"):
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
