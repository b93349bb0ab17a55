"""Questions in people's words on Python's documentation, beside an evaluation of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.evaluation.evaluate import EvaluateConfig, main
from untilclick.rewriter.evaluation.results import read_results
from untilclick.rewriter.evaluation.typed_topics import simulated_user, typed_queries
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.corpora import asked
from untilclick.search.errors import DataError
from untilclick.search.records import Topic, WeightedQuery

from tests.rewriter.toy_engine import ToyEngine, opened_toy, toy_collection

QUESTIONS = (
    Topic("asked-001", "order my numbers", {"d9": 2, "gone": 1}),
    Topic("asked-002", "wait for an answer", {"d8": 2}),
    Topic("asked-003", "has no answer here", {"gone": 2}),
)


class SortsNumbers:
    """A stand-in for a learned system: knows that numbers that are ordered are sorted."""

    def __call__(self, topics):
        texts = [topic.query.replace("order", "sort") for topic in topics]
        return [SearchedQuery(WeightedQuery(((text, 1.0),))) for text in texts]


@pytest.fixture
def opened(monkeypatch):
    parts = (("examples", Topic("asked-000", "sort", {"d9": 2})), *(("figure", topic) for topic in QUESTIONS))
    monkeypatch.setattr(asked, "_questions", lambda: parts)
    toy = toy_collection()
    return opened_toy(ToyEngine(), corpus=replace(toy.corpus, source="stdlib"), queries="made")


@pytest.fixture
def config(tmp_path):
    return EvaluateConfig(
        data="stdlib", split="dev", engine="toy", out=tmp_path, resamples=99, sessions=0, oracle=False
    )


def test_questions_are_a_figure_beside_the_topics(opened, config):
    main(config, lambda _: {"ppo": SortsNumbers()}, opened)
    results = read_results(config.out)
    assert results.asked.n_questions == 2
    assert (results.asked.success["bm25"], results.asked.success["ppo"]) == (0.5, 1.0)
    comparison = results.asked.comparison("ppo")
    assert (comparison.difference, comparison.wins, comparison.losses, comparison.n) == (0.5, 1, 0, 2)
    assert results.asked.comparison("bm25") is None
    assert [row.topic_id for row in results.topics] == ["t0", "t1", "t2", "t3", "t4"]


def test_questions_are_evaluated_alone_as_they_are(opened, config):
    main(replace(config, split="asked", sessions=40), lambda _: {}, opened)
    results = read_results(config.out)
    assert results.asked is None
    assert [(row.topic_id, row.typed) for row in results.topics] == [
        ("asked-001", "order my numbers"),
        ("asked-002", "wait for an answer"),
    ]


def test_simulated_users_type_questions_as_they_are(opened):
    user = simulated_user(opened.collection, "asked", opened.index)
    rng = np.random.default_rng(0)
    assert {user.first_query(QUESTIONS[0], rng).text for _ in range(20)} == {"order my numbers"}


def test_other_collections_have_no_questions(config):
    main(replace(config, data="toy"), lambda _: {}, opened_toy(ToyEngine()))
    assert read_results(config.out).asked is None
    with pytest.raises(DataError, match="no split 'asked'; choose one of: train, dev"):
        typed_queries(toy_collection(), "asked", seed=0)


def test_questions_are_no_topics_of_the_collection(opened):
    assert opened.collection.topics.keys() == {"train", "dev"}
    with pytest.raises(DataError, match="choose one of: train, dev, asked"):
        typed_queries(opened.collection, "test", seed=0)
