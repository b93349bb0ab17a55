"""Hindsight targets of queries and clicks made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.rewriter.data.hindsight import (
    GAIN_DEPTH,
    NOT_FOUND,
    TargetMaker,
    TargetSettings,
    discounted_gain,
    ranks_of,
)
from untilclick.rewriter.data.logged_queries import JudgedQuery
from untilclick.rewriter.data.pseudo_queries import term_weights
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.search.analysis.analysis import QueryTerms
from untilclick.search.analysis.by_name import english
from untilclick.search.measures.metrics import ideal_dcg, ndcg

from tests.rewriter.toy_learning import THEMES

terms = english().terms


@pytest.fixture(scope="module")
def maker(scorer, opened, vocabulary):
    return TargetMaker(scorer, term_weights(opened.index, vocabulary), TargetSettings(20, 8, 0.02))


def target_of(maker, vocabulary, query, clicks, excluded=()):
    target = maker.target(JudgedQuery(RewriteRequest(query), clicks), english().query(query), list(excluded))
    if target is None:
        return None
    return {vocabulary.tokens[i]: float(w) for i, w in zip(target.ids, target.weights, strict=True)}


def test_most_weight_goes_to_a_term_that_raises_the_clicked_documents(maker, vocabulary, scorer):
    clicks = {"kitchen-0": 1, "kitchen-4": 1, "kitchen-8": 1}
    target = target_of(maker, vocabulary, "dough flour", clicks)
    assert target is not None
    heaviest = max(target, key=target.__getitem__)
    rows = np.array([scorer.index.doc_rows[doc_id] for doc_id in clicks])
    queries = [QueryTerms(["dough", "flour"]), QueryTerms(["dough", "flour", heaviest])]
    before, after = ranks_of(scorer.originals(queries).numpy(), rows)
    assert after.sum() < before.sum()
    assert target["sourdough"] >= sorted(target.values())[-2]
    assert sum(target.values()) == pytest.approx(1, abs=1e-5)
    assert len(target) <= 8


def test_excluded_tokens_are_never_targets(maker, vocabulary):
    excluded = vocabulary.encode(["dough", "sourdough"])
    target = target_of(maker, vocabulary, "dough flour", {"kitchen-0": 2}, excluded)
    assert target is not None
    assert not {"dough", "sourdough"} & set(target)


def test_there_is_no_target_when_no_term_helps_or_the_document_is_unknown(maker, vocabulary, scorer, opened):
    assert target_of(maker, vocabulary, "moon", {"gone": 3}) is None
    best = scorer.rank(scorer.originals([QueryTerms(["sourdough"])]), 1)[0, 0]
    first = opened.index.doc_ids[best]
    assert target_of(maker, vocabulary, "sourdough", {first: 1}) is None  # already first
    everything = range(len(vocabulary))
    assert target_of(maker, vocabulary, "dough", {"kitchen-0": 1}, everything) is None


def test_tf_idf_decides_where_no_term_alone_retrieves_the_document(maker, vocabulary, scorer):
    """Sessions with a long query once taught nothing if their click was far from it."""
    query, row = f"{THEMES['sky']} {THEMES['railway']}", scorer.index.doc_rows["kitchen-0"]
    of_document = term_weights(scorer.index, vocabulary)[[row]].tocoo()
    longer = [QueryTerms([*terms(query), vocabulary.tokens[token]]) for token in of_document.col]
    assert ranks_of(scorer.originals(longer).numpy(), np.array([row])).min() > GAIN_DEPTH
    target = target_of(maker, vocabulary, query, {"kitchen-0": 3})
    assert target is not None
    assert max(target, key=target.__getitem__) == vocabulary.tokens[of_document.col[of_document.data.argmax()]]


def test_an_unknown_document_beside_a_known_one_is_left_out(maker, vocabulary):
    both = target_of(maker, vocabulary, "dough flour", {"kitchen-0": 1, "gone": 5})
    assert both == target_of(maker, vocabulary, "dough flour", {"kitchen-0": 1})


def test_a_query_without_a_known_word_still_has_a_target(maker, vocabulary):
    target = target_of(maker, vocabulary, "nosuchword", {"kitchen-0": 1})
    assert target is not None
    assert "sourdough" in target


def test_ranks_count_higher_scores_and_a_score_of_0_is_not_found():
    scores = np.array([[3.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 5.0]], dtype=np.float32)
    assert ranks_of(scores, np.array([0, 2, 3])).tolist() == [[1, 2, NOT_FOUND], [2, 2, 1]]
    assert ranks_of(scores, np.array([], dtype=np.int64)).shape == (2, 0)


def test_discounted_gain_by_hand():
    """Clicks 3 and 1 at ranks 2 and 1, over the ideal 1 and 2; beyond the depth nothing."""
    weights = np.array([3.0, 1.0], dtype=np.float32)
    ideal = 3 + 1 / np.log2(3)
    gains = discounted_gain(np.array([[2, 1], [1, 2], [GAIN_DEPTH + 1, NOT_FOUND]]), weights)
    assert gains == pytest.approx([(3 / np.log2(3) + 1) / ideal, 1.0, 0.0])


def test_discounted_gain_is_ndcg_of_whole_rankings():
    """Two hundred rankings of thirty documents, five of which are judged; the measure reads the first ten ranks."""
    rng = np.random.default_rng(4)
    weights = np.array([3, 1, 2, 1, 5], dtype=np.float32)
    ranks = np.stack([1 + rng.permutation(30)[: weights.size] for _ in range(200)])
    grades = np.zeros((len(ranks), 30), dtype=np.int64)
    np.put_along_axis(grades, ranks - 1, weights.astype(np.int64)[None, :], axis=1)
    ideal = ideal_dcg([dict(enumerate(weights.astype(int)))] * len(ranks), GAIN_DEPTH)
    assert discounted_gain(ranks, weights) == pytest.approx(ndcg(grades[:, :GAIN_DEPTH], ideal))
