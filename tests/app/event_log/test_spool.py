"""The file of waiting events: durable when `append` returns, whole after a crash, written by many at once."""

import shutil
import sqlite3
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from untilclick.app.event_log.spool import (
    FREE_PAGES,
    DamagedSpoolError,
    SpoolEntry,
    SpoolError,
    SpoolFile,
    readable_entries,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "0.db"


def bodies(file):
    return [entry.body for entry in file.read(0, 10_000)]


def test_events_come_back_in_order_also_after_closing(path):
    with closing(SpoolFile(path)) as file:
        for i in range(5):
            file.append(b"event %d" % i, float(i))
        assert (file.waiting, file.n_bytes, file.oldest) == (5, 35, 0.0)
    with closing(SpoolFile(path)) as file:
        assert (file.waiting, file.n_bytes, file.oldest) == (5, 35, 0.0)
        assert bodies(file) == [b"event %d" % i for i in range(5)]


def test_what_is_removed_is_forgotten_and_its_id_not_used_again(path):
    with closing(SpoolFile(path)) as file:
        for i in range(3):
            file.append(b"%d" % i, 0.0)
        entries = file.read(0, 2)
        file.remove(entries)
        assert bodies(file) == [b"2"]
        file.remove(file.read(0, 10))
        assert (file.waiting, file.n_bytes, file.oldest) == (0, 0, None)
        file.append(b"new", 0.0)
        assert [entry.event_id for entry in file.read(0, 10)] == [4]
        assert file.read(4, 10) == []


def test_a_file_that_is_closed_refuses_and_is_removed_where_nothing_waits(path):
    file = SpoolFile(path)
    file.append(b"event", 0.0)
    file.remove(file.read(0, 1))
    file.close()
    assert list(path.parent.iterdir()) == []
    with pytest.raises(SpoolError):
        file.append(b"late", 0.0)


def test_appending_at_once_loses_nothing_and_shares_commits(path):
    """The first commit is held back until all the others wait: they then are one commit."""
    with closing(SpoolFile(path)) as file, ThreadPoolExecutor(20) as pool:
        with file._changing:
            waiting = [pool.submit(file.append, b"%d" % i, 0.0) for i in range(20)]
            while len(file._pending) < 19:
                pass
        for each in waiting:
            each.result(60)
        assert sorted(bodies(file), key=int) == [b"%d" % i for i in range(20)]
        assert file.commits == 2


def test_a_disk_that_is_full_refuses_all_that_wait_and_goes_on_later(path):
    with closing(SpoolFile(path)) as file:
        file.append(b"before", 0.0)
        file._appender.execute("PRAGMA max_page_count = 1")
        with pytest.raises(SpoolError, match="full"):
            file.append(b"x" * 100_000, 0.0)
        file._appender.execute("PRAGMA max_page_count = 100000")
        file.append(b"after", 0.0)
        assert bodies(file) == [b"before", b"after"]
        assert file.waiting == 2
        assert file.last_id == file.read(0, 10)[-1].event_id


_KILLED = """
import os, sys, threading
from pathlib import Path
from untilclick.app.event_log.spool import SpoolFile
file = SpoolFile(Path(sys.argv[1]))
def append(thread):
    for i in range(10_000):
        file.append(b"%d-%d" % (thread, i), 0.0)
        os.write(1, b"%d-%d\\n" % (thread, i))
for thread in range(4):
    threading.Thread(target=append, args=(thread,)).start()
"""


def test_what_was_appended_outlives_the_process(path):
    with subprocess.Popen([sys.executable, "-c", _KILLED, str(path)], stdout=subprocess.PIPE) as process:
        lines = [process.stdout.readline() for _ in range(200)]
        process.kill()
        lines += process.stdout.readlines()
    with closing(SpoolFile(path)) as file:
        events = bodies(file)
    whole = {line.strip() for line in lines if line.endswith(b"\n")}
    assert len(whole) >= 200
    assert whole <= set(events)
    assert len(events) == len(set(events))


def crashed(path, tmp_path, n):
    """A copy of a file of `n` events as a crash leaves it, with the WAL."""
    other = tmp_path / "crashed.db"
    with closing(SpoolFile(path)) as file:
        for i in range(n):
            file.append(b"event %d" % i, 0.0)
        for suffix in ("", "-wal"):
            other.with_name(other.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    return other


@pytest.mark.parametrize("cut", [10, 3000])
def test_a_torn_last_record_is_dropped(path, tmp_path, cut):
    """No request was answered for it: the crash came before the sync."""
    torn = crashed(path, tmp_path, 3)
    wal = torn.with_name("crashed.db-wal")
    wal.write_bytes(wal.read_bytes()[:-cut])
    with closing(SpoolFile(torn)) as file:
        assert bodies(file) == [b"event 0", b"event 1"]


def test_a_file_of_a_crashed_process_has_its_events(path, tmp_path):
    with closing(SpoolFile(crashed(path, tmp_path, 3))) as file:
        assert file.waiting == 3


@pytest.mark.parametrize("body", ["CAST('event X' AS BLOB)", "'event 1'", "7"])
def test_a_damaged_entry_is_not_intact(path, body):
    with closing(SpoolFile(path)) as file:
        for i in range(3):
            file.append(b"event %d" % i, 0.0)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"UPDATE events SET body = {body} WHERE event_id = 2")
    with closing(SpoolFile(path)) as file:
        assert [entry.intact for entry in file.read(0, 10)] == [True, False, True]


def test_what_is_no_database_is_damaged(path):
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(DamagedSpoolError, match="is damaged"):
        SpoolFile(path)
    assert path.read_bytes().startswith(b"no database")


TABLE_LEAF = 13
"""The first byte of a page of rows."""


def leaves(path):
    """Offsets of the pages that hold events, in the order of ids."""
    data = path.read_bytes()
    return [at for at in range(4096, len(data), 4096) if data[at] == TABLE_LEAF]


def overwrite(path, at):
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"\xff" * 4096)


def readable(path):
    with closing(sqlite3.connect(path)) as connection:
        return list(readable_entries(connection))


@pytest.mark.parametrize("which", [[0], [10], [-1], [0, 10, 11, -1]])
def test_what_is_on_good_pages_of_a_damaged_file_can_be_read(path, which):
    """One bad page of hundreds was enough to lose all events of a file."""
    with closing(SpoolFile(path)) as file:
        for i in range(1, 301):
            file.append(b"%d " % i * 60, float(i))
        before = file.read(0, 1000)
    pages = leaves(path)
    for each in which:
        overwrite(path, pages[each])
    with pytest.raises(DamagedSpoolError):
        SpoolFile(path)
    entries = readable(path)
    assert set(entries) < set(before)
    assert len(set(entries)) == len(entries) > 300 - 30 * len(which)


@pytest.mark.parametrize("which", [0, 1, -1])
def test_a_damaged_file_is_read_to_its_end_however_far_apart_its_ids(path, which):
    """One click that waited for a day, and the ten million events after it."""
    with closing(SpoolFile(path)) as file:
        file.append(b"x" * 3000, 0.0)
        file._next_id = 10_000_001
        for _ in range(100):
            file.append(b"x" * 3000, 0.0)
        ids = [entry.event_id for entry in file.read(0, 1000)]
    overwrite(path, leaves(path)[which])
    began = time.monotonic()
    assert sorted(entry.event_id for entry in readable(path)) == sorted(set(ids) - {ids[which]})
    assert time.monotonic() - began < 10.0


def test_what_is_read_of_a_damaged_file_matches_its_checksum(path):
    with closing(SpoolFile(path)) as file:
        for i in range(1, 301):
            file.append(b"%03d " % i * 60, float(i))
    overwrite(path, leaves(path)[-1])
    path.write_bytes(path.read_bytes().replace(b"005 005", b"005 ???", 1))
    entries = readable(path)
    assert 5 not in {entry.event_id for entry in entries}
    assert len(entries) > 250


def test_entries_are_restored_with_their_ids_and_new_ones_come_after(path):
    entries = [SpoolEntry(event_id, 7.0, zlib.crc32(b"saved"), b"saved") for event_id in (3, 5)]
    with closing(SpoolFile(path)) as file:
        file.restore(entries)
        assert (file.waiting, file.n_bytes, file.oldest) == (2, 10, 7.0)
        file.append(b"new", 8.0)
        assert file.read(0, 10) == [*entries, SpoolEntry(6, 8.0, zlib.crc32(b"new"), b"new")]


def test_entries_are_restored_together_or_not_at_all(path):
    """A disk that fills up while events are saved."""
    entries = [SpoolEntry(event_id, 7.0, 0, b"x" * 3000) for event_id in range(1, 100)]
    with closing(SpoolFile(path)) as file:
        file._appender.execute("PRAGMA max_page_count = 10")
        with pytest.raises(SpoolError, match="full"):
            file.restore(entries)
        assert (file.waiting, file.read(0, 100)) == (0, [])


def test_the_time_of_the_first_event_is_known(path):
    """It is events in memory: a scrape of the metrics waits neither for a checkpoint nor for a removal."""
    with closing(SpoolFile(path)) as file:
        for event_time in (7.0, 9.0, 8.0):
            file.append(b"event", event_time)
        assert file.oldest == 7.0
        file.remove(file.read(0, 1))
        assert file.oldest == 9.0
    with closing(SpoolFile(path)) as file:
        assert file.oldest == 9.0
        file.remove(file.read(0, 10))
        assert file.oldest is None
        file.append(b"event", 3.0)
        assert file.oldest == 3.0


def test_removals_alone_reach_a_checkpoint(path, tmp_path, monkeypatch):
    monkeypatch.setattr("untilclick.app.event_log.spool.CHECKPOINT_COMMITS", 5)
    with closing(SpoolFile(path)) as file:
        for i in range(5):
            file.append(b"%d" % i, 0.0)
        file.tidy()
        for entry in file.read(0, 5):
            file.remove([entry])
        file.tidy()
        main = shutil.copy(path, tmp_path / "main.db")  # without the WAL
        with closing(sqlite3.connect(main)) as connection:
            assert connection.execute("SELECT count(*) FROM events").fetchone() == (0,)


def test_a_newer_format_is_refused(path):
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(SpoolError, match="Upgrade untilclick"):
        SpoolFile(path)


def test_an_emptied_file_gives_its_pages_back(path, monkeypatch):
    monkeypatch.setattr("untilclick.app.event_log.spool.CHECKPOINT_COMMITS", 1)
    with closing(SpoolFile(path)) as file:
        for _ in range(2 * FREE_PAGES):
            file.append(b"x" * 4000, 0.0)
        file.tidy()
        large = path.stat().st_size
        file.remove(file.read(0, 10_000))
        file.append(b"last", 0.0)
        file.remove(file.read(0, 10))
        file.tidy()
        file.append(b"more", 0.0)
        file.tidy()
    assert path.stat().st_size < large / 4
