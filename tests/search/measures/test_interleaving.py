"""Team-draft interleaving and what clicks on it say."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.measures.interleaving import preference, team_draft
from untilclick.search.records import ScoredDoc


def ranking(ids: str) -> list[ScoredDoc]:
    return [ScoredDoc(doc_id, 10.0 - i) for i, doc_id in enumerate(ids)]


rankings = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=8).map("".join)


@given(a=rankings, b=rankings, k=st.integers(0, 12), seed=st.integers(0, 10**6))
def test_the_list_holds_each_document_once_in_the_order_of_who_picked_it(a, b, k, seed):
    found = team_draft(ranking(a), ranking(b), k, random.Random(seed))
    ids = [entry.doc_id for entry in found.ranking]
    assert len(ids) == len(set(ids)) == len(found.teams) == min(k, len(set(a + b)))
    for team, own in (("a", a), ("b", b)):
        picked = [doc_id for doc_id, by in zip(ids, found.teams, strict=True) if by == team]
        assert picked == sorted(picked, key=own.index)
    if len(a) >= k and len(b) >= k:
        assert abs(found.teams.count("a") - found.teams.count("b")) <= 1


def test_who_picks_first_is_a_fair_coin():
    draw = random.Random(3)
    first = Counter(team_draft(ranking("abc"), ranking("xyz"), 6, draw).teams[0] for _ in range(2000))
    assert 900 < first["a"] < 1100


def test_a_document_that_both_rank_first_goes_to_either_side_alike():
    """Clicks on what both found must not favour one."""
    draw = random.Random(5)
    teams = Counter(team_draft(ranking("abc"), ranking("ayz"), 5, draw).teams[0] for _ in range(2000))
    assert 900 < teams["a"] < 1100


def test_an_empty_side_leaves_all_to_the_other():
    found = team_draft([], ranking("xyz"), 10, random.Random(0))
    assert [entry.doc_id for entry in found.ranking] == list("xyz")
    assert found.teams == ("b", "b", "b")


def test_preference_by_hand():
    """9 of 10 decided visitors prefer b: sign test 2 x (1 + 10) / 1024."""
    found = preference([(0, 1)] * 9 + [(2, 1), (1, 1), (0, 0)])
    assert (found.wins_a, found.wins_b, found.ties, found.share_b) == (1, 9, 1, 0.9)
    assert found.p == pytest.approx(22 / 1024)
    low, high = found.ci95
    assert 0.59 < low < 0.6
    assert 0.98 < high < 0.99


def test_without_a_click_there_is_no_preference():
    found = preference([(0, 0), (0, 0)])
    assert (found.share_b, found.ci95, found.p) == (None, (0.0, 1.0), 1.0)
