"""Topics as users type them: verbatim if people wrote the queries, else with the noise of a simulated user."""

import dataclasses

import pytest

from untilclick.rewriter.evaluation.typed_topics import typed_queries
from untilclick.search.errors import DataError
from untilclick.search.records import Collection, Topic

from tests.rewriter.toy_engine import TOPICS, toy_collection


def test_topics_people_wrote_are_typed_verbatim_and_unjudged_ones_left_out():
    collection = toy_collection()
    topics = {"dev": (*TOPICS, Topic("unjudged", "x", {"d1": 0}))}
    typed = typed_queries(dataclasses.replace(collection, topics=topics), "dev", seed=0)
    assert [topic.query for topic in typed] == [topic.query for topic in TOPICS]


def test_the_earlier_queries_of_real_topics_are_handed_on():
    topics = {"dev": (dataclasses.replace(TOPICS[0], history=("order", "order list")), TOPICS[1])}
    typed = typed_queries(dataclasses.replace(toy_collection(), topics=topics), "dev", seed=0)
    assert [topic.history for topic in typed] == [("order", "order list"), ()]


def test_made_topics_are_typed_with_the_noise_of_a_simulated_user():
    collection = dataclasses.replace(toy_collection(), queries="made")
    typed = typed_queries(collection, "dev", seed=3)
    assert typed == typed_queries(collection, "dev", seed=3)
    several = [topic.query for seed in range(6) for topic in typed_queries(collection, "dev", seed)]
    clean = [topic.query for topic in TOPICS] * 6
    assert 0 < sum(a != b for a, b in zip(several, clean, strict=True)) < len(clean)


def test_a_missing_split_is_named_with_those_there_are():
    with pytest.raises(DataError, match="no split 'test'; choose one of: train, dev"):
        typed_queries(toy_collection(), "test", seed=0)


def test_a_split_without_judgments_is_refused():
    collection = toy_collection()
    empty = Collection(collection.corpus, {"dev": (Topic("t", "x", {}),)}, "real")
    with pytest.raises(DataError, match="no topic with a relevant document"):
        typed_queries(empty, "dev", seed=0)
