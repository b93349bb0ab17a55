"""Simulated sessions into a log, on a ten-document corpus."""

from dataclasses import replace

import pytest

from untilclick.app.loop.simulation import SimulationConfig, _marked, fill_log
from untilclick.search.errors import DataError
from untilclick.search.log.session_log import SessionLog
from untilclick.search.users.simulate import SimulateConfig

from tests.rewriter.toy_engine import TOPICS, ToyEngine, toy_collection

COLLECTION = replace(toy_collection(), topics={"train": TOPICS})
ENGINE = ToyEngine()


@pytest.fixture
def log(tmp_path):
    with SessionLog.open(str(tmp_path / "log.db")) as opened:
        yield opened


def fill(log, sessions=40, **settings):
    return fill_log(log, COLLECTION, ENGINE, SimulationConfig(sessions, **settings))


def test_the_log_holds_the_sessions_that_are_summed_up(log):
    outcome = fill(log, seed=5)
    sessions = list(log.sessions())
    assert (outcome.n_present, outcome.added.sessions, len(sessions)) == (0, 40, 40)
    assert outcome.added.queries == sum(len(session.turns) for session in sessions)
    assert outcome.added.abandoned == sum(session.abandoned for session in sessions)


def test_a_log_that_was_cut_off_is_filled_with_what_it_lacks(log, tmp_path):
    assert fill(log, 15).added.sessions == 15
    outcome = fill(log)
    assert (outcome.n_present, outcome.added.sessions) == (15, 25)
    with SessionLog.open(str(tmp_path / "other.db")) as other:
        fill(other)
        assert list(other.sessions()) == list(log.sessions())


def test_a_full_log_stays_as_it_is_and_another_seed_adds_to_it(log):
    fill(log)
    assert fill(log).added.sessions == 0
    assert fill(log, seed=6).added.sessions == 40
    assert len(list(log.sessions())) == 80


def test_a_split_without_topics_is_refused_with_those_that_have_some(log):
    with pytest.raises(DataError, match=r"'validation'.*train"):
        fill(log, split="validation")


def test_visitors_of_other_words_are_others(log):
    fill(log, simulate=SimulateConfig(visitors=5))
    sessions = list(log.sessions())
    one, two = ({_marked(each, mark).client_id for each in sessions} for mark in ("m1", "m2"))
    assert len(one) == len(two) == len({each.client_id for each in sessions})
    assert one.isdisjoint(two)
    assert None not in one
