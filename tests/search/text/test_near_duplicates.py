"""Groups of documents that say nearly the same."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.search.text.near_duplicates import near_duplicate_groups, similarity

A = {f"a{i}" for i in range(20)}
B = {f"b{i}" for i in range(20)}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [({"x"}, {"x"}, 1.0), ({"x", "y"}, {"y", "z"}, 1 / 3), (set(), {"x"}, 0.0), (set(), set(), 0)],
)
def test_similarity_is_the_share_in_common(a, b, expected):
    assert similarity(a, b) == pytest.approx(expected)


def test_near_duplicates_are_grouped_under_the_first():
    sets = [A, B, A | {"new"}, B - {"b0"}, {"lonely", "words"}]
    assert near_duplicate_groups(sets, [()] * 5) == [0, 1, 0, 1, 4]


def test_equal_keys_join_what_is_not_similar_and_groups_close_by_steps():
    assert near_duplicate_groups([A, B, B | {"new"}], ["k", "k", "other"]) == [0, 0, 0]
    assert near_duplicate_groups([A, B], ["", ""]) == [0, 1]


def test_empty_sets_are_like_no_other():
    assert near_duplicate_groups([set(), set()], [(), ()]) == [0, 1]
    assert near_duplicate_groups([], []) == []


def test_nearly_all_similar_pairs_are_found_and_no_others():
    """300 pairs of about .85 against all pairs compared one by one."""
    rng = np.random.default_rng(5)
    sets = []
    for i in range(300):
        words = {f"{i}w{j}" for j in range(40)}
        sets += [words, {w for w in words if rng.random() > 0.07} | {f"{i}x", f"{i}y"}]
    groups = near_duplicate_groups(sets, [()] * len(sets))
    similar = [i for i in range(0, 600, 2) if similarity(sets[i], sets[i + 1]) >= 0.8]
    joined = [i for i in range(0, 600, 2) if groups[i] == groups[i + 1]]
    assert set(joined) <= set(similar)
    assert len(joined) > 0.95 * len(similar) > 100
    assert len(set(groups)) == 600 - len(joined)
