"""Which baselines an evaluation has, and on what their parameters are chosen."""

from dataclasses import replace

import pytest

from untilclick.rewriter.evaluation.baselines.suite import BaselineInput, more_baselines, usual_baselines
from untilclick.rewriter.evaluation.systems import TypedTopic
from untilclick.search.engines.vectors.encoded_corpus import EncodedCorpus
from untilclick.search.log.session_log import SessionLog
from untilclick.search.records import Session, Turn

from tests.fake_encoder import FakeEncoder
from tests.rewriter.toy_engine import DOCUMENTS, TOPICS, ToyEngine, opened_toy

ENGINE = ToyEngine()
TYPED = [TypedTopic(topic, topic.query) for topic in TOPICS]
DATA = BaselineInput(opened_toy(ENGINE), TYPED[:2], TYPED)


def with_history(typed, *history):
    return replace(typed, history=history)


@pytest.fixture
def log(tmp_path):
    """`wait` is followed by `thread` in a session of a reported topic, by `lock` in one of a visitor."""
    with SessionLog.open(str(tmp_path / "log.db")) as opened:
        opened.append([_session("s0", "thread", {"topic_id": "t2"}), _session("s1", "lock", {})])
        yield opened


def _session(session_id, successor, attributes):
    turns = (
        Turn(f"{session_id}-{step}", step, query, None, (), (), float(step), attributes)
        for step, query in enumerate(("wait", successor))
    )
    return Session(session_id, "simulated", tuple(turns))


def test_the_usual_baselines_are_always_there():
    assert list(usual_baselines(replace(DATA, training=()))) == ["bm25", "rm3", "spelling"]


def test_an_encoder_brings_rankings_by_meaning(tmp_path):
    encoded = EncodedCorpus.of(DOCUMENTS, FakeEncoder(), tmp_path)
    names = ["bm25", "rm3", "spelling", "encoder", "bm25_encoder"]
    assert list(usual_baselines(replace(DATA, opened=DATA.opened.with_vectors(encoded)))) == names


def test_without_history_and_log_the_baselines_that_need_them_are_absent():
    assert list(more_baselines(DATA)) == ["rocchio", "association", "bm25_tuned"]


def test_without_training_topics_nothing_is_learned_from_them():
    assert list(more_baselines(replace(DATA, training=()))) == ["rocchio"]


def test_one_reported_topic_with_history_brings_session_concatenation():
    reported = [*TYPED[:3], with_history(TYPED[3], "text")]
    system = more_baselines(replace(DATA, reported=reported))["session_concatenation"]
    assert system.settings.history_weight == 0.5


def test_the_weight_of_the_history_is_chosen_on_training_topics_that_have_any():
    """The earlier words mislead: with any other weight they bring another document to the top."""
    training = [*TYPED[:3], with_history(TYPED[3], "server bytes send answer socket")]
    reported = [with_history(TYPED[3], "text")]
    system = more_baselines(replace(DATA, training=training, reported=reported))["session_concatenation"]
    assert system.settings.history_weight == 0.1


def test_a_log_brings_the_successor_without_sessions_of_reported_topics(log):
    system = more_baselines(replace(DATA, log=log))["successor"]
    assert system.successors == {"wait": "lock"}
