"""Gain of a rewrite over the original, on the toy corpus."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.rewriter.data.environment import (
    RewardEnvironment,
    RolloutBlend,
    TrainingQuery,
    found_documents,
    grade_matrix,
    ideal_grades,
)
from untilclick.rewriter.data.rewards import ExpectedClickReward, HindsightReward, NdcgReward, RankReward
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.click_models.by_name import click_model
from untilclick.search.engines.tantivy_engine import TantivyEngine
from untilclick.search.records import WeightedQuery

QUERIES = (
    TrainingQuery(QueryTerms(("dough", "flour")), {"kitchen-0": 1, "kitchen-4": 1, "kitchen-8": 1}),
    TrainingQuery(QueryTerms(("nosuchterm",)), {"sky-0": 2}),
    TrainingQuery(QueryTerms(()), {"sky-1": 1}),
    TrainingQuery(QueryTerms(("moon", "nosuchterm")), {"gone": 3, "sky-3": 1}),
    TrainingQuery(QueryTerms(("oven",)), {"gone": 1}),
)
WEIGHT = 0.4


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def environment(scorer):
    return RewardEnvironment(scorer, QUERIES, NdcgReward(), RolloutBlend(WEIGHT))


def sequences(scorer, *rows):
    ids = np.array([scorer.vocabulary.encode(row) for row in rows])
    return ids, np.ones(ids.shape, dtype=np.bool_)


def test_gain_is_rewritten_minus_original(environment, scorer):
    rows = np.array([0, 3])
    ids, mask = sequences(scorer, ("sourdough", "oven"), ("sail", "rope"), ("eclips", "comet"), ("tide", "rope"))
    rewards = environment.rewards(rows, ids, mask, rng())
    assert rewards.gain.tolist() == (rewards.rewritten - rewards.original).tolist()
    assert rewards.original[0] == rewards.original[1]
    assert rewards.gain[0] > 0  # the decisive word of the wanted documents
    assert rewards.gain[0] > rewards.gain[1]


def test_rewritten_rankings_are_those_of_the_engine_for_the_same_clauses(environment, scorer, opened):
    """nDCG by hand from the engine's ranking of original x .6 / 2 and two terms x .4 / 2."""
    ids, mask = sequences(scorer, ("sourdough", "trumpet"))
    rewards = environment.rewards(np.array([0]), ids, mask, rng())
    engine = TantivyEngine.open(opened.collection.corpus)
    clauses = (("dough flour", 0.6 / 2), ("sourdough", 0.2), ("trumpet", 0.2))
    hits = engine.search([WeightedQuery(clauses)], 10)[0]
    discounts = 1 / np.log2(np.arange(2, 12))
    gain = sum(discounts[rank] for rank, hit in enumerate(hits) if hit.doc_id in QUERIES[0].relevance)
    assert rewards.rewritten[0] == pytest.approx(gain / discounts[:3].sum())


def test_words_of_earlier_queries_are_part_of_the_original(scorer, opened):
    query = TrainingQuery(QueryTerms(("oven",)), {"kitchen-0": 1}, context=QueryTerms(("sourdough",)))
    ids, mask = sequences(scorer, ("trumpet",))
    rewards = RewardEnvironment(scorer, [query], NdcgReward(), RolloutBlend(WEIGHT, context=0.3)).rewards(
        np.array([0]), ids, mask, rng()
    )
    engine = TantivyEngine.open(opened.collection.corpus)
    typed = (("oven", 0.7 * 0.6), ("sourdough", 0.3 * 0.6))
    for clauses, worth in ((typed, rewards.original), ((*typed, ("trumpet", 0.4)), rewards.rewritten)):
        hits = engine.search([WeightedQuery(clauses)], 60)[0]
        rank = [hit.doc_id for hit in hits].index("kitchen-0") + 1
        assert worth[0] == pytest.approx(1 / np.log2(rank + 1))


def test_the_relevance_model_may_have_a_share_as_in_retrieval(scorer, engine):
    """nDCG by hand from the engine's ranking of original x .5 / 2, RM3 x .2 and one term x .3."""
    rewards = RewardEnvironment(scorer, QUERIES, NdcgReward(), RolloutBlend(0.3, 0.2)).rewards(
        np.array([0]), *sequences(scorer, ("sourdough",)), rng()
    )
    feedback = engine.feedback_terms(WeightedQuery.of("dough flour"), 20)
    clauses = (("dough flour", 0.25), *((word, 0.2 * weight) for word, weight in feedback), ("sourdough", 0.3))
    hits = engine.search([WeightedQuery(clauses)], 10)[0]
    discounts = 1 / np.log2(np.arange(2, 12))
    gain = sum(discounts[rank] for rank, hit in enumerate(hits) if hit.doc_id in QUERIES[0].relevance)
    assert rewards.rewritten[0] == pytest.approx(gain / discounts[:3].sum())


def test_terms_share_the_weight_equally_and_masked_ones_get_none(environment, scorer):
    narrow, mask = sequences(scorer, ("sourdough",))
    padded = np.pad(narrow, ((0, 0), (0, 3)))
    wide = np.pad(mask, ((0, 0), (0, 3)))
    rows = np.array([0])
    assert environment.rewards(rows, narrow, mask, rng()) == environment.rewards(rows, padded, wide, rng())


def test_a_sequence_without_terms_gains_nothing(environment, scorer):
    ids, mask = sequences(scorer, ("moon", "tide"))
    rewards = environment.rewards(np.array([0]), ids, ~mask, rng())
    assert rewards.gain.tolist() == [0.0]


@pytest.mark.parametrize("row", [1, 2])
def test_a_query_that_matches_nothing_is_worth_0_and_a_good_term_is_all_gain(environment, scorer, row):
    ids, mask = sequences(scorer, ("nebula" if row == 1 else "saturn",))
    wanted = scorer.index.counts[[scorer.index.doc_rows[d] for d in QUERIES[row].relevance]].toarray()
    best = scorer.vocabulary.token_ids[scorer.index.terms[int(wanted[0].argmax())]]
    ids[0, 0] = best
    rewards = environment.rewards(np.array([row]), ids, mask, rng())
    assert rewards.original[0] == 0
    assert rewards.gain[0] > 0


def test_documents_outside_the_corpus_are_left_out(environment, scorer):
    ids, mask = sequences(scorer, ("sourdough",))
    rewards = environment.rewards(np.array([4]), ids, mask, rng())
    assert (rewards.original[0], rewards.rewritten[0]) == (0, 0)
    assert grade_matrix(QUERIES, scorer).toarray().sum() == 3 + 2 + 1 + 1


def test_no_query_and_no_judgment_give_empty_matrices(scorer):
    assert grade_matrix([], scorer).shape == (0, scorer.n_documents)
    assert grade_matrix([QUERIES[4]], scorer).nnz == 0
    assert ideal_grades(grade_matrix([QUERIES[4]], scorer), 3).tolist() == [[0, 0, 0]]


def test_ideal_grades_fall_and_are_padded(scorer):
    grades = grade_matrix([TrainingQuery(QueryTerms(()), {"sky-0": 1, "sky-1": 3, "sky-2": 2})], scorer)
    assert ideal_grades(grades, 4).tolist() == [[3, 2, 1, 0]]
    assert ideal_grades(grades, 2).tolist() == [[3, 2]]


@pytest.mark.parametrize(
    "reward", [RankReward(), HindsightReward(), ExpectedClickReward(click_model("pbm", "informational", 2), "every")]
)
def test_repeating_the_query_of_one_term_changes_nothing(scorer, reward):
    query = TrainingQuery(QueryTerms(("moon",)), {"sky-3": 1})
    ids, mask = sequences(scorer, ("moon",))
    rewards = RewardEnvironment(scorer, [query], reward, RolloutBlend(0.5)).rewards(np.array([0]), ids, mask, rng())
    assert rewards.gain.tolist() == [0.0]


def test_wanted_documents_in_the_rankings_are_counted_by_prompt():
    """Two prompts have two rankings each; -1 stands for the end of a ranking. The rankings of the first prompt
    contain document 4 twice, with grade 1, and document 7 once, with grade 2. The second prompt finds no relevant
    document."""
    ranked = np.array([[4, 9, -1], [7, 4, 9], [9, 8, -1], [8, 9, 1]])
    grades = np.array([[1, 0, 0], [2, 1, 0], [0, 0, 0], [0, 0, 0]], dtype=np.float32)
    documents = found_documents(ranked, grades, n_prompts=2)
    assert documents.rows.tolist() == [[4, 7], [0, 0]]
    assert documents.weights.tolist() == [[0.5, 0.5], [0.0, 0.0]]


def test_relevant_documents_are_found_down_to_the_depth_that_is_asked_for(scorer):
    query = QUERIES[0]
    ids, mask = sequences(scorer, ("sourdough", "oven"), ("sail", "rope"))
    everything = RewardEnvironment(scorer, [query], NdcgReward(), RolloutBlend(0.3), found_depth=100)
    documents = everything.rewards(np.array([0]), ids, mask, rng()).found_documents
    assert documents is not None
    relevant = {scorer.index.doc_rows[doc_id] for doc_id, grade in query.relevance.items() if grade > 0}
    assert set(documents.rows[documents.weights > 0].tolist()) <= relevant
    assert float(documents.weights.sum()) == pytest.approx(1.0)
    blind = RewardEnvironment(scorer, [query], NdcgReward(), RolloutBlend(0.3))
    assert blind.rewards(np.array([0]), ids, mask, rng()).found_documents is None
