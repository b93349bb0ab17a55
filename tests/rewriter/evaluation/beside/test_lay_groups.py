"""Queries parted by their lay words, and the figures of the parts."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from untilclick.rewriter.evaluation.beside.lay_groups import (
    KNOWN,
    NEW,
    USERS_PER_TOPIC,
    WITHOUT,
    LayConfig,
    group_of,
    lay_queries,
)
from untilclick.rewriter.evaluation.evaluate import EvaluateConfig, main
from untilclick.rewriter.evaluation.results import read_results
from untilclick.rewriter.evaluation.typed_topics import simulated_user
from untilclick.rewriter.serving.readings.searched_query import SearchedQuery
from untilclick.search.records import Topic, WeightedQuery
from untilclick.search.users import user as users
from untilclick.search.users.misspellings import Misspellings
from untilclick.search.users.need import NeedReader
from untilclick.search.users.reformulation import TypedWord
from untilclick.search.users.user import SimulatedUser, TypedQuery, UserConfig
from untilclick.search.users.vocabulary.lay_words import LayWord

from tests.rewriter.toy_engine import ToyEngine, opened_toy

NAMES = {"wait": ("linger", "hold on"), "list": ("table",), "pattern": ("text",)}
"""`linger` and `table` are of one half, `hold on` of the other; documents with a pattern hold `text`."""


class Lay:
    def of(self, word):
        return tuple(LayWord(name, 0.35) for name in NAMES.get(word, ()))


class KnowsLinger:
    """A stand-in for a learned system: has learned one lay word."""

    def __call__(self, topics):
        texts = [topic.query.replace("linger", "wait queue") for topic in topics]
        return [SearchedQuery(WeightedQuery(((text, 1.0),))) for text in texts]


@pytest.fixture
def opened(monkeypatch):
    monkeypatch.setattr(users, "lay_vocabulary", lambda _index, _corpus: Lay())
    monkeypatch.setattr(users, "load_misspellings", lambda _part: Misspellings({}))
    return opened_toy(ToyEngine(), queries="made")


@pytest.fixture
def config(tmp_path):
    habits = UserConfig(misspell_share=0.0, drop_share=0.0, subject_share=0.0)
    return EvaluateConfig(
        data="toy", split="dev", engine="toy", out=tmp_path, resamples=99, sessions=0, oracle=False, habits=habits
    )


def test_lay_words_carry_half_of_the_weight_or_the_query_has_no_group(opened):
    user = SimulatedUser(UserConfig(), NeedReader(opened.index), vocabulary=Lay())

    def group(*words):
        return group_of(TypedQuery("", tuple(words), 0, "first"), user)

    known, new = TypedWord("linger", "linger", "wait"), TypedWord("hold on", "hold on", "wait")
    own, rare = TypedWord("lock", "lock"), TypedWord("sockett", "never seen in any document")
    assert [group(own), group(own, known), group(new, own), group(known, new)] == [WITHOUT, KNOWN, NEW, NEW]
    assert group(known, rare) is None
    needs = user.needs
    assert needs.idf_of("linger") > needs.idf_of("lock") > needs.idf_of("the") == 0


def test_users_of_held_out_topics_know_both_halves_and_no_word_of_the_wanted_document(opened):
    topics = opened.collection.topics["dev"]
    user = simulated_user(opened.collection, "dev", opened.index, UserConfig(lay_share=1.0))
    queries = lay_queries(topics, user, LayConfig(queries=50, seed=0, resamples=99))
    assert {typed.topic.topic_id.split()[0] for typed in queries[KNOWN]} == {"t0", "t2"}
    assert {typed.topic.topic_id.split()[0] for typed in queries[NEW]} == {"t2"}
    assert {typed.lay_words for typed in queries[NEW]} == {("hold on",)}
    texts = [typed.query for of_group in queries.values() for typed in of_group]
    assert len(texts) == len(set(texts)) <= 100
    assert not any("text" in text.split() for text in texts)
    assert queries == lay_queries(topics, user, LayConfig(queries=50, seed=0, resamples=99))
    fewer = lay_queries(topics, user, LayConfig(queries=2, seed=0, resamples=99))
    assert [len(of_group) for of_group in fewer.values()] == [2, 2]
    training = simulated_user(opened.collection, "train", opened.index, UserConfig(lay_share=1.0))
    assert not lay_queries(topics, training, LayConfig(queries=50, seed=0, resamples=99))[NEW]


def test_no_user_searches_once_both_groups_are_full(opened, monkeypatch):
    """Topics are typed in turn: a full group takes the first of the queries that a larger one would have."""
    topics = opened.collection.topics["dev"]
    user = simulated_user(opened.collection, "dev", opened.index, UserConfig(lay_share=1.0))
    some = lay_queries(topics, user, LayConfig(queries=50, seed=0, resamples=99))
    searching = []
    first_query = SimulatedUser.first_query
    monkeypatch.setattr(
        SimulatedUser, "first_query", lambda *arguments: searching.append(1) or first_query(*arguments)
    )
    few = lay_queries(topics, user, LayConfig(queries=1, seed=0, resamples=99))
    assert few == {name: of_group[:1] for name, of_group in some.items()}
    assert len(searching) < USERS_PER_TOPIC


def test_results_are_parted_by_lay_words(opened, config):
    main(config, lambda _: {"base": KnowsLinger()}, opened)
    results = read_results(config.out)
    assert list(results.lay) == [KNOWN, NEW, WITHOUT]
    known, without = results.lay[KNOWN], results.lay[WITHOUT]
    assert known.n_needs == 2
    assert known.means["base"] > known.means["bm25"]
    assert without.n_queries < results.n_topics
    comparison = known.comparison("base", "bm25")
    assert comparison.difference == pytest.approx(known.means["base"] - known.means["bm25"])
    assert (comparison.n, comparison.n_needs) == (known.n_queries, 2)
    assert known.comparison("bm25", "base") is None
    typed = [row for row in results.topics if row.typed == row.need]
    values = [row.outcomes["base"].values["nDCG@10"] for row in typed]
    assert without.means["base"] == pytest.approx(np.mean(values))
    written = json.loads((config.out / "results.json").read_text(encoding="utf-8"))
    assert written["settings"]["user.lay_share"] == "0.35"
    assert written["lay"][KNOWN]["n_queries"] == known.n_queries


@pytest.mark.parametrize("without", [{"lay_queries": 0}, {"habits": UserConfig(lay_share=0.0)}])
def test_no_groups_are_made_where_users_have_no_lay_words(opened, config, without):
    main(replace(config, **without), lambda _: {}, opened)
    assert read_results(config.out).lay is None


def test_queries_of_people_have_no_groups(config):
    main(config, lambda _: {}, opened_toy(ToyEngine(), queries="real"))
    assert read_results(config.out).lay is None


def test_topics_of_documents_that_the_corpus_lacks_make_no_lay_query(opened):
    user = simulated_user(opened.collection, "dev", opened.index)
    queries = lay_queries([Topic("t", "lock", {"gone": 1})], user, LayConfig(queries=5, seed=0, resamples=9))
    assert not any(queries.values())
