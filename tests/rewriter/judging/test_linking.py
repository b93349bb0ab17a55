"""Which sets of documents make one need."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from untilclick.rewriter.judging.linking import FEW_GROUPS, HIGHER, JACCARD, linked_sets, similar_sets

SETS = st.lists(st.frozensets(st.integers(0, 8), max_size=6), min_size=1, max_size=14)


def groups_of(sets, keys=None):
    """The groups as sets of rows."""
    groups = linked_sets([frozenset(each) for each in sets], keys).groups
    return {frozenset(np.flatnonzero(groups == group).tolist()) for group in np.unique(groups)}


@pytest.mark.parametrize(
    ("sets", "groups"),
    [
        ([{1}, {1}, {2}], [{0, 1}, {2}]),  # equal sets of one document
        ([{1}, {1, 2}, {2}], [{0}, {1}, {2}]),  # one shared document of a larger set
        ([{1, 2}, {2, 3}, {3, 4}], [{0}, {1}, {2}]),  # a third is less than half
        ([{1, 2, 3}, {2, 3, 4}], [{0, 1}]),  # half
        ([{1, 2, 3}, {2, 3, 4}, {3, 4, 5}], [{0, 1, 2}]),  # a chain
        ([set(), set()], [{0}, {1}]),
    ],
)
def test_sets_of_which_half_is_shared_are_one_need(sets, groups):
    assert groups_of(sets) == set(map(frozenset, groups))


def test_equal_keys_are_one_need():
    assert groups_of([{1}, {2}, {3}, set()], ["a", None, "a", None]) == {
        frozenset({0, 2}),
        frozenset({1}),
        frozenset({3}),
    }


@settings(max_examples=200)
@given(SETS, st.sampled_from((JACCARD, *HIGHER)))
def test_similar_sets_are_all_pairs_above_the_threshold(sets, threshold):
    sets = list(dict.fromkeys(sets))
    blocks = [np.stack(block, axis=1) for block in similar_sets(sets, threshold)]
    found = {tuple(pair) for pairs in blocks for pair in pairs.tolist()}
    assert found == {
        (i, j)
        for (i, a), (j, b) in combinations(enumerate(sets), 2)
        if min(len(a), len(b)) > 1 and len(a & b) >= threshold * len(a | b) - 1e-9
    }


@given(SETS, st.randoms())
def test_the_order_of_the_sets_changes_no_group(sets, random):
    order = random.sample(range(len(sets)), len(sets))
    shuffled = {frozenset(order[row] for row in group) for group in groups_of([sets[row] for row in order])}
    assert shuffled == groups_of(sets)


def test_a_group_that_is_too_large_is_taken_apart():
    """A chain of sets, each of which shares six of ten documents with the next."""
    chain = [frozenset(range(2 * i, 2 * i + 8)) for i in range(40)]
    alone = [frozenset({1000 + i}) for i in range(200)]
    linked = linked_sets([*chain, *alone])
    assert (linked.n_groups, linked.largest, linked.whole, linked.n_split) == (240, 1, (), 1)


def test_a_popular_document_stays_whole():
    sets = [frozenset({0})] * 30 + [frozenset({1 + i}) for i in range(200)]
    linked = linked_sets(sets)
    assert (linked.n_groups, linked.largest, linked.n_split) == (201, 30, 0)
    assert linked.whole == (linked.groups[0],)


def test_of_a_few_groups_none_is_taken_apart():
    chain = [frozenset(range(2 * i, 2 * i + 8)) for i in range(40)]
    linked = linked_sets([*chain, *(frozenset({1000 + i}) for i in range(FEW_GROUPS - 2))])
    assert (linked.n_groups, linked.largest) == (FEW_GROUPS - 1, 40)
