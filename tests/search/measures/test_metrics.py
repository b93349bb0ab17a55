"""The formulas are held to hand-computed rows and to ir-measures."""

import math

import ir_measures
import numpy as np
import pytest

from untilclick.search.errors import DataError
from untilclick.search.measures.metrics import (
    MEASURES,
    dcg,
    evaluate_rankings,
    grades_in_rank_order,
    ideal_dcg,
    ndcg,
    reciprocal_rank,
)
from untilclick.search.records import ScoredDoc, Topic


def ranking(*doc_ids):
    return [ScoredDoc(doc_id, 1.0 / (rank + 1)) for rank, doc_id in enumerate(doc_ids)]


def random_topics(rng, n=40, n_docs=30):
    ids = [f"d{i}" for i in range(n_docs)]
    topics, rankings = [], []
    for i in range(n):
        judged = rng.choice(ids, size=rng.integers(1, 12), replace=False)
        grades = rng.integers(0, 4, size=judged.size)
        grades[0] = 1
        topics.append(Topic(f"t{i}", "", {str(d): int(g) for d, g in zip(judged, grades, strict=True)}))
        rankings.append(ranking(*(str(d) for d in rng.permutation(ids)[: rng.integers(0, n_docs)])))
    return topics, rankings


@pytest.mark.parametrize(
    ("grades", "expected_rr", "expected_ndcg"),
    [
        ([0, 1, 0], 1 / 2, (1 / math.log2(3)) / 1.0),
        ([1, 0, 0], 1.0, 1.0),
        ([0, 0, 0], 0.0, 0.0),
        ([0, -1, 1], 1 / 3, (1 / math.log2(4)) / 1.0),
    ],
)
def test_formulas_match_hand_computed_rows_of_one_relevant_document(grades, expected_rr, expected_ndcg):
    relevance = np.array([grades])
    ideal = ideal_dcg([{"a": 1}], k=3)
    assert reciprocal_rank(relevance) == pytest.approx([expected_rr])
    assert ndcg(relevance, ideal) == pytest.approx([expected_ndcg])


def test_graded_dcg_matches_a_hand_computed_row():
    assert dcg(np.array([1, 2, 3]), np.array([[2, 0, 1]])) == pytest.approx([2 + 1 / 2])
    assert ideal_dcg([{"a": 1, "b": 2, "c": 0}], k=3) == pytest.approx([2 + 1 / math.log2(3)])


def test_dcg_takes_ranks_in_any_order_and_counts_nothing_below_the_depth():
    ranks, gains = np.array([[3, 1], [1 << 30, 4]]), np.array([1.0, 2.0], dtype=np.float32)
    assert dcg(ranks, gains) == pytest.approx([1 / 2 + 2, 1 / math.log2((1 << 30) + 1) + 2 / math.log2(5)])
    assert dcg(ranks, gains, depth=3) == pytest.approx([1 / 2 + 2, 0.0])
    assert dcg(ranks[:, :0], gains[:0]).tolist() == [0.0, 0.0]


def test_formulas_equal_ir_measures_on_random_rankings():
    topics, rankings = random_topics(np.random.default_rng(0))
    judged = [topic.relevance for topic in topics]
    grades = grades_in_rank_order(rankings, judged, k=10)
    scores = evaluate_rankings(topics, rankings)
    assert ndcg(grades, ideal_dcg(judged, k=10)) == pytest.approx(scores.values["nDCG@10"])
    assert reciprocal_rank(grades) == pytest.approx(scores.values["RR@10"])
    assert (grades > 0).any(axis=1) == pytest.approx(scores.values["Success@10"])


def test_means_equal_what_ir_measures_aggregates():
    topics, rankings = random_topics(np.random.default_rng(1))
    qrels = {topic.topic_id: dict(topic.relevance) for topic in topics}
    run = {t.topic_id: {d.doc_id: d.score for d in r} for t, r in zip(topics, rankings, strict=True)}
    expected = ir_measures.calc_aggregate([ir_measures.parse_measure(m) for m in MEASURES], qrels, run)
    scores = evaluate_rankings(topics, rankings)
    for measure, value in expected.items():
        assert scores.mean(str(measure)) == pytest.approx(value)


def test_a_topic_without_results_scores_zero_and_stays_in_the_mean():
    topics = [Topic("t1", "", {"a": 1}), Topic("t2", "", {"a": 1})]
    scores = evaluate_rankings(topics, [ranking("a"), []])
    assert scores.n_empty == 1
    assert list(scores.values["RR@10"]) == [1.0, 0.0]
    assert scores.mean("RR@10") == 0.5


def test_tied_scores_keep_the_order_that_was_shown():
    """trec_eval would put z before a when both score the same."""
    tied = [ScoredDoc("a", 1.0), ScoredDoc("z", 1.0)]
    assert evaluate_rankings([Topic("t", "", {"a": 1})], [tied]).values["RR@10"][0] == 1.0
    assert evaluate_rankings([Topic("t", "", {"z": 1})], [tied]).values["RR@10"][0] == 0.5


def test_no_topics_and_nothing_retrieved_give_zeros():
    assert evaluate_rankings([], []).mean("nDCG@10") == 0.0
    empty = evaluate_rankings([Topic("t", "", {"a": 1})], [[]])
    assert empty.mean("nDCG@10") == 0.0
    assert empty.n_empty == 1
    assert reciprocal_rank(np.zeros((2, 0), dtype=np.int64)).tolist() == [0.0, 0.0]


def test_repeated_topics_and_documents_are_refused():
    topic = Topic("t", "", {"a": 1})
    with pytest.raises(DataError, match="Topic 't' occurs twice"):
        evaluate_rankings([topic, topic], [[], []])
    with pytest.raises(DataError, match="has a document twice"):
        evaluate_rankings([topic], [ranking("a", "a")])
