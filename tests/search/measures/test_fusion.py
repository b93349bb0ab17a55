"""Reciprocal rank fusion against sums done by hand."""

import pytest

from untilclick.search.measures.fusion import reciprocal_rank_fusion
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
