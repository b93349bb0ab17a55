"""Team-draft interleaving, and the preference that clicks on it show."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from untilclick.search.measures.interleaving import Credits, preference, team_draft
from untilclick.search.records import ScoredDoc


def ranking(ids: str) -> list[ScoredDoc]:
    return [ScoredDoc(doc_id, 10.0 - i) for i, doc_id in enumerate(ids)]


rankings = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=8).map("".join)


@given(a=rankings, b=rankings, k=st.integers(0, 12), seed=st.integers(0, 10**6))
def test_the_list_holds_each_document_once_in_the_order_of_who_picked_it(a, b, k, seed):
    interleaved = team_draft(ranking(a), ranking(b), k, random.Random(seed))
    ids = [entry.doc_id for entry in interleaved.ranking]
    assert len(ids) == len(set(ids)) == len(interleaved.teams) == min(k, len(set(a + b)))
    for team, side in (("a", a), ("b", b)):
        picked = [doc_id for doc_id, by in zip(ids, interleaved.teams, strict=True) if by == team]
        assert picked == sorted(picked, key=side.index)
    if len(a) >= k and len(b) >= k:
        assert abs(interleaved.teams.count("a") - interleaved.teams.count("b")) <= 1


def test_who_picks_first_is_a_fair_coin():
    draw = random.Random(3)
    first = Counter(team_draft(ranking("abc"), ranking("xyz"), 6, draw).teams[0] for _ in range(2000))
    assert 900 < first["a"] < 1100


def test_a_document_that_both_rank_first_goes_to_either_side_alike():
    """Clicks on documents that both sides found must not favour a side."""
    draw = random.Random(5)
    teams = Counter(team_draft(ranking("abc"), ranking("ayz"), 5, draw).teams[0] for _ in range(2000))
    assert 900 < teams["a"] < 1100


def test_an_empty_side_leaves_all_to_the_other():
    interleaved = team_draft([], ranking("xyz"), 10, random.Random(0))
    assert [entry.doc_id for entry in interleaved.ranking] == list("xyz")
    assert interleaved.teams == ("b", "b", "b")


def test_preference_by_hand():
    """9 of 10 decided visitors prefer b: sign test 2 x (1 + 10) / 1024."""
    credits = [Credits(0, 1)] * 9 + [Credits(2, 1), Credits(1, 1), Credits(0, 0)]
    result = preference(credits)
    assert (result.wins_a, result.wins_b, result.ties, result.share_b) == (1, 9, 1, 0.9)
    assert result.p == pytest.approx(22 / 1024)
    low, high = result.ci95
    assert 0.59 < low < 0.6
    assert 0.98 < high < 0.99


def test_without_a_click_there_is_no_preference():
    result = preference([Credits(0, 0), Credits(0, 0)])
    assert (result.share_b, result.ci95, result.p) == (None, (0.0, 1.0), 1.0)
