"""Fusion of ranks and of scores against sums done by hand."""

import numpy as np
import pytest

from untilclick.search.measures.fusion import reciprocal_rank_fusion, sum_of_scaled
from untilclick.search.records import ScoredDoc


def ranking(*doc_ids):
    return [ScoredDoc(doc_id, 10.0 - i) for i, doc_id in enumerate(doc_ids)]


def test_scores_are_sums_of_reciprocal_ranks():
    fused = reciprocal_rank_fusion([ranking("a", "b", "c"), ranking("b", "d")], n=10)
    assert [entry.doc_id for entry in fused] == ["b", "a", "d", "c"]
    assert [entry.score for entry in fused] == pytest.approx([1 / 62 + 1 / 61, 1 / 61, 1 / 62, 1 / 63])


def test_the_constant_decides_how_much_first_ranks_stand_out():
    rankings = [ranking("a", "b", "x"), ranking("c", "b", "y")]
    assert [entry.doc_id for entry in reciprocal_rank_fusion(rankings, n=1)] == ["b"]
    assert [entry.doc_id for entry in reciprocal_rank_fusion(rankings, n=1, k=0)] == ["a"]


def test_ties_keep_the_order_of_appearance():
    fused = reciprocal_rank_fusion([ranking("a"), ranking("b"), ranking("c")], n=2)
    assert [entry.doc_id for entry in fused] == ["a", "b"]


def test_one_ranking_keeps_its_order():
    assert [entry.doc_id for entry in reciprocal_rank_fusion([ranking("c", "a", "b")], n=3)] == ["c", "a", "b"]


def test_nothing_gives_nothing():
    assert reciprocal_rank_fusion([], n=5) == []
    assert reciprocal_rank_fusion([[], []], n=5) == []


def test_scores_are_summed_after_division_by_their_maximum():
    bm25 = np.array([[2.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    cosines = np.array([[0.1, 0.4, -0.2], [0.5, 0.25, 0.0]], dtype=np.float32)
    expected = np.array([[0.625, 0.5, 0.0], [0.5, 0.25, 0.0]])
    assert sum_of_scaled((bm25, cosines), (0.5, 0.5)) == pytest.approx(expected)
    assert sum_of_scaled((bm25[0], cosines[0]), (1.0, 0.0)) == pytest.approx(np.array([1.0, 0.0, 0.5]))


def test_scores_of_no_documents_have_no_sum():
    assert sum_of_scaled((np.zeros((2, 0)), np.zeros((2, 0))), (0.5, 0.5)).shape == (2, 0)
    assert sum_of_scaled((np.array([-1.0, -2.0]),), (1.0,)).tolist() == [0.0, 0.0]
