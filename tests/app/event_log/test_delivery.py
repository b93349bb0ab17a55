"""From the spool into the log: once, in order, whatever the database does."""

import json
import threading
import time

import pytest

from untilclick.app.event_log import delivery as module
from untilclick.app.event_log.delivery import Delivery
from untilclick.app.event_log.events import encode
from untilclick.app.event_log.spool import SpoolError, SpoolFile
from untilclick.app.event_log.spool_folder import SET_ASIDE, Spool
from untilclick.app.observe.metrics import Metrics
from untilclick.search.log.live_events import LiveTurn
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Click, Turn

from tests.app.stand_ins import AwayLog, wait_until


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool", 1_000_000)
    yield spool
    spool.close()


@pytest.fixture
def away(tmp_path):
    log = AwayLog(f"sqlite:///{tmp_path / 'log.db'}")
    log.back = True
    yield log
    log.close()


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def deliver(spool, away, metrics):
    """A function that begins to deliver; ended at the end."""
    begun = []

    def begin(patience_s=1000.0, now=100.0):
        begun.append(Delivery(spool, away, metrics, patience_s, lambda: now))
        return begun[-1]

    yield begin
    for delivery in begun:
        assert delivery.close(0.0)


def turn(n, session_id="s", query=None):
    return LiveTurn(session_id, Turn(f"q{n}", n, query or f"query {n}", None, ("a", "b"), (), float(n)))


def click(n, doc_id="a"):
    return Click(f"q{n}", doc_id, 1, 50.0 + n)


def put(spool, delivery, *events):
    for event in events:
        spool.append(event)
        delivery.notify()


def counted(metrics, name):
    return metrics.registry.get_sample_value(f"untilclick_{name}")


def set_aside(tmp_path):
    path = tmp_path / "spool" / SET_ASIDE
    return [json.loads(line)["reason"] for line in path.read_text().splitlines()] if path.exists() else []


def test_events_are_delivered_and_forgotten(spool, away, metrics, deliver):
    delivery = deliver()
    put(spool, delivery, *(turn(n) for n in range(500)), *(click(n) for n in range(0, 500, 5)), click(5))
    assert delivery.drain(60)
    session = away.get().session("s")
    assert [each.step for each in session.turns] == list(range(500))
    assert len(session.clicked) == 100
    assert spool.waiting == 0
    assert counted(metrics, "spool_delivered_total") == 601
    outcomes = metrics.registry
    assert outcomes.get_sample_value("untilclick_clicks_total", {"outcome": "recorded"}) == 100
    assert outcomes.get_sample_value("untilclick_clicks_total", {"outcome": "repeated"}) == 1


def test_events_wait_while_the_database_is_away_and_none_is_doubled(spool, away, deliver, caplog):
    away.back = False
    delivery = deliver()
    put(spool, delivery, turn(0), click(0), turn(1))
    wait_until(lambda: delivery.failing)
    assert not delivery.drain(0.0)
    assert spool.waiting == 3
    away.back = True
    assert delivery.drain(60)
    assert not delivery.failing
    assert away.get().stats().total.turns == 2
    assert caplog.text.count("can be written again") == 1


def test_an_event_that_was_written_but_not_forgotten_is_not_doubled(spool, away, deliver):
    """What a process leaves that ends between the two."""
    away.get().append_events([turn(0)], [click(0)])
    spool.append(turn(0))
    spool.append(click(0))
    delivery = deliver()
    assert delivery.drain(60)
    session = away.get().session("s")
    assert (len(session.turns), session.clicked) == (1, ("a",))


def test_a_click_that_comes_before_its_turn_waits_for_it(spool, away, metrics, deliver):
    delivery = deliver()
    put(spool, delivery, click(0), turn(1))
    assert delivery.drain(60), "nobody waits for a click that waits for its turn"
    assert spool.waiting == 1
    assert away.get().stats().total.turns == 1
    away.get().append_events([turn(0)], [])  # from another host
    wait_until(lambda: spool.waiting == 0)
    assert away.get().session("s").clicked == ("a",)
    assert counted(metrics, "spool_set_aside_total") == 0


def test_the_end_tries_once_more_clicks_whose_query_another_host_delivered(spool, away, deliver, monkeypatch):
    """They stayed in the spool of a host that went away, where passes had become rare."""
    monkeypatch.setattr(module, "PASS_INTERVAL_S", 1000.0)
    delivery = deliver()
    put(spool, delivery, click(0))
    assert delivery.drain(60)
    assert spool.waiting == 1
    away.get().append_events([turn(0)], [])
    assert delivery.drain(60)
    assert spool.waiting == 0
    assert away.get().session("s").clicked == ("a",)


def test_a_click_for_a_query_that_never_comes_is_set_aside(spool, away, metrics, deliver, tmp_path):
    delivery = deliver(patience_s=10.0)
    put(spool, delivery, click(0), turn(1), click(1))
    wait_until(lambda: spool.waiting == 0)
    assert set_aside(tmp_path) == ["The log does not hold the query of this click."]
    assert counted(metrics, "spool_set_aside_total") == 1
    assert counted(metrics, "spool_delivered_total") == 2


def test_one_event_that_can_never_be_logged_harms_no_other(spool, away, metrics, deliver, tmp_path):
    events = [turn(0), turn(1, query="a\x00b"), turn(2), click(1), click(2)]
    for event in events:
        spool.append(event)
    delivery = deliver(patience_s=10.0)
    wait_until(lambda: spool.waiting == 0)
    assert delivery.drain(60)
    assert [each.query for each in away.get().session("s").turns] == ["query 0", "query 2"]
    reasons = set_aside(tmp_path)
    assert len(reasons) == 2
    assert "NUL" in reasons[0]
    assert counted(metrics, "spool_set_aside_total") == 2


def test_an_event_that_cannot_be_read_is_set_aside(spool, away, deliver, tmp_path):
    spool.append(turn(0))
    spool.files()[0].append(b'{"view":{}}', 1.0)
    spool.append(turn(1))
    assert deliver().drain(60)
    assert away.get().stats().total.turns == 2
    assert "cannot be read" in set_aside(tmp_path)[0]


def test_an_event_whose_checksum_does_not_match_is_dropped(spool, away, metrics, deliver, tmp_path, caplog):
    for n in range(3):
        spool.append(turn(n))
    (file,) = spool.files()
    file._reader.execute("UPDATE events SET body = CAST('{}' AS BLOB) WHERE event_id = 2")
    assert deliver().drain(60)
    assert [each.query for each in away.get().session("s").turns] == ["query 0", "query 2"]
    assert spool.waiting == 0
    assert set_aside(tmp_path) == []
    assert counted(metrics, "spool_delivered_total") == 2
    assert "dropped 1 events whose checksum does not match" in caplog.text


def test_damaged_events_that_cannot_be_removed_keep_no_others(spool, away, deliver):
    for n in range(4):
        spool.append(turn(n))
    (file,) = spool.files()
    file._reader.execute("UPDATE events SET crc = crc + 1 WHERE event_id < 3")
    file._reader.execute("PRAGMA query_only = ON")
    assert deliver().drain(60)
    assert [each.query for each in away.get().session("s").turns] == ["query 2", "query 3"]


class UnheardError(Exception):
    pass


def test_a_fault_that_nobody_foresaw_is_tried_again(spool, away, deliver, monkeypatch):
    tried = []
    append = SessionLog.append_events

    def fail_twice(self, *events):
        tried.append(events)
        if len(tried) < 3:
            raise UnheardError
        return append(self, *events)

    monkeypatch.setattr(SessionLog, "append_events", fail_twice)
    spool.append(turn(0))
    assert deliver().drain(60)
    assert away.get().stats().total.turns == 1
    assert len(tried) == 3


def test_a_fault_of_the_adoption_stops_no_delivery(spool, away, deliver, monkeypatch, caplog):
    monkeypatch.setattr(Spool, "adopt", lambda spool: (_ for _ in ()).throw(UnheardError))
    spool.append(turn(0))
    assert deliver().drain(60)
    assert away.get().stats().total.turns == 1
    assert "Delivery failed" in caplog.text


def test_what_an_ended_process_left_is_delivered_too(tmp_path, away, deliver, monkeypatch):
    monkeypatch.setattr("untilclick.app.event_log.delivery.ADOPT_S", 0.0)
    other = Spool(tmp_path / "spool", 1_000_000)  # holds the second file, after the fixture's first
    other.append(turn(0))
    other.append(click(0))
    other.close()
    deliver()
    wait_until(lambda: away.get().stats().total.clicks == 1)


def failures(metrics):
    return metrics.registry.get_sample_value("untilclick_log_failures_total", {"operation": "spool"}) or 0


@pytest.fixture
def left(tmp_path, spool):
    """A turn each in 1.db and 2.db, after the fixture's 0.db."""
    others = [Spool(tmp_path / "spool", 1_000_000) for _ in range(2)]
    for n, other in enumerate(others):
        other.append(turn(n))
    for other in others:
        other.close()


@pytest.mark.usefixtures("left")
def test_a_file_that_cannot_be_read_keeps_no_other_one_waiting(spool, away, metrics, deliver, monkeypatch, caplog):
    """Files after it in the list were never delivered."""
    read = SpoolFile.read

    def read_some(file, *arguments):
        if file.path.name == "1.db":
            raise SpoolError("disk I/O error")
        return read(file, *arguments)

    monkeypatch.setattr(module, "PASS_INTERVAL_S", 0.02)
    with monkeypatch.context() as patch:
        patch.setattr(SpoolFile, "read", read_some)
        delivery = deliver()
        wait_until(lambda: away.get().stats().total.turns == 1)
        wait_until(lambda: failures(metrics) > 3)
        put(spool, delivery, turn(2))
        wait_until(lambda: away.get().stats().total.turns == 2)
        assert delivery.failing
        assert caplog.text.count("1.db fails") == 1
    assert delivery.drain(60)
    assert away.get().stats().total.turns == 3
    wait_until(lambda: not delivery.failing)


def test_what_is_written_and_cannot_be_removed_keeps_nothing_waiting(spool, away, metrics, deliver, monkeypatch):
    """On a full disk the first batch was written again and again, and nothing after it."""
    monkeypatch.setattr(module, "PASS_INTERVAL_S", 0.02)
    tidied, written = [], []
    tidy, append = SpoolFile.tidy, SessionLog.append_events
    monkeypatch.setattr(SpoolFile, "tidy", lambda file: tidied.append(file) or tidy(file))
    monkeypatch.setattr(
        SessionLog, "append_events", lambda log, *events: written.extend(events[0]) or append(log, *events)
    )
    (file,) = spool.files()
    file._reader.execute("PRAGMA query_only = ON")
    for n in range(500):
        spool.append(turn(n))
    delivery = deliver()
    wait_until(lambda: away.get().stats().total.turns == 500)
    assert delivery.drain(60), "nothing is left to deliver"
    assert delivery.failing
    assert spool.waiting == 500
    assert len(tidied) >= 3
    file._reader.execute("PRAGMA query_only = OFF")
    wait_until(lambda: spool.waiting == 0)
    wait_until(lambda: not delivery.failing)
    assert len(written) == counted(metrics, "spool_delivered_total") == 500


def test_an_event_that_cannot_even_be_set_aside_keeps_no_other_one(
    spool, away, metrics, deliver, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "PASS_INTERVAL_S", 0.02)
    (tmp_path / "spool" / SET_ASIDE).mkdir()
    spool.files()[0].append(b"no event", 1.0)
    spool.append(turn(0))
    delivery = deliver()
    wait_until(lambda: away.get().stats().total.turns == 1)
    wait_until(lambda: spool.waiting == 1)
    assert delivery.failing
    (tmp_path / "spool" / SET_ASIDE).rmdir()
    wait_until(lambda: spool.waiting == 0)
    assert len(set_aside(tmp_path)) == counted(metrics, "spool_set_aside_total") == 1


def test_a_checkpoint_that_fails_stops_no_delivery(spool, away, metrics, deliver, monkeypatch):
    """Also while the database is away, between two tries."""

    def fail(file):
        raise SpoolError("disk full")

    monkeypatch.setattr(SpoolFile, "tidy", fail)
    away.back = False
    delivery = deliver()
    put(spool, delivery, turn(0), turn(1))
    wait_until(lambda: failures(metrics) > 1)
    away.back = True
    assert delivery.drain(60)
    assert away.get().stats().total.turns == 2


def test_two_spools_deliver_one_session_with_right_steps(tmp_path, spool, away, deliver):
    """Two workers that did not know of each other's queries: both began to count at 0."""
    other = Spool(tmp_path / "spool", 1_000_000)
    first, second = deliver(), Delivery(other, away, Metrics(), 1000.0, lambda: 100.0)
    for n in range(10):
        event = LiveTurn("s", Turn(f"q{n}", n // 2, f"query {n}", None, (), (), float(n)))
        put(other if n % 2 else spool, second if n % 2 else first, event)
    assert first.drain(60)
    assert second.close(60)
    other.close()
    turns = away.get().session("s").turns
    assert [(each.query_id, each.step) for each in turns] == [(f"q{n}", n) for n in range(10)]


def test_closing_waits_no_longer_than_told_and_leaves_events_for_the_next_start(tmp_path, away, metrics):
    away.back = False
    spool = Spool(tmp_path / "spool", 1_000_000)
    delivery = Delivery(spool, away, metrics, 1000.0, lambda: 100.0)
    put(spool, delivery, turn(0))
    assert delivery.close(0.0)
    spool.close()
    away.back = True
    spool = Spool(tmp_path / "spool", 1_000_000)
    assert spool.waiting == 1
    delivery = Delivery(spool, away, metrics, 1000.0, lambda: 100.0)
    assert delivery.close(60.0)
    spool.close()
    assert away.get().stats().total.turns == 1


def test_a_database_that_hangs_is_left_behind_and_counts_as_failing(tmp_path, away, metrics, monkeypatch):
    monkeypatch.setattr("untilclick.app.event_log.delivery.SLOW_S", 0.0)
    released = threading.Event()
    append = SessionLog.append_events

    def hang(self, *events):
        released.wait(60)
        return append(self, *events)

    monkeypatch.setattr(SessionLog, "append_events", hang)
    spool = Spool(tmp_path / "spool", 1_000_000)
    delivery = Delivery(spool, away, metrics, 1000.0, lambda: 100.0)
    put(spool, delivery, turn(0))
    wait_until(lambda: delivery.failing)
    assert not delivery.close(0.0)
    released.set()
    assert delivery.close(60)
    spool.close()


def test_the_size_of_an_event_is_that_of_its_text():
    """The bound of the spool is in bytes of events: a turn with ten results takes some hundreds."""
    assert 150 < len(encode(turn(0))) < 400


def test_a_click_whose_query_never_comes_is_tried_ever_more_rarely(spool, away, deliver, monkeypatch):
    """One such click cost a transaction a second for a day."""
    monkeypatch.setattr(module, "PASS_INTERVAL_S", 0.02)
    attempts = []
    append = SessionLog.append_events
    monkeypatch.setattr(
        SessionLog, "append_events", lambda *arguments: attempts.append(arguments) or append(*arguments)
    )
    delivery = deliver()
    put(spool, delivery, click(7))
    wait_until(lambda: len(attempts) >= 3)
    time.sleep(0.5)
    assert len(attempts) <= 8, "at .02, .04, .08, ... seconds"
    put(spool, delivery, turn(7))
    assert delivery.drain(5.0)
    wait_until(lambda: away.get().stats().clicks == 1)
