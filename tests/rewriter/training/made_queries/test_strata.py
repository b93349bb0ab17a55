"""Strata of queries by the words that they share with the documents they want, and means over them."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.rewriter.data.environment import TrainingQuery
from untilclick.rewriter.data.logged_queries import JudgedQuery, training_query
from untilclick.rewriter.rewrite import RewriteRequest
from untilclick.rewriter.training.made_queries.strata import LEAST_NEEDS, OverlapStrata, shared_words
from untilclick.rewriter.training.scored import Scored, Strata, mean_of, standard_error
from untilclick.search.analysis.analysis import QueryTerms

VALUES = np.array([0.0, 1.0, 1.0])
HALVES = Strata(np.array([0, 0, 1]), np.array([0.25, 0.25, 0.5]))
"""Two strata, each half: of two queries and of one."""


def test_every_stratum_counts_as_much_however_many_queries_it_has():
    assert mean_of(VALUES) == pytest.approx(2 / 3)
    assert mean_of(VALUES, HALVES) == pytest.approx(0.5 * 0.5 + 0.5 * 1.0)
    assert mean_of(VALUES > 0.5, HALVES) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ([0, 1, 2], np.sqrt(3 / 2 * 2 * 0.125**2)),  # .25 x (0 - .5), .25 x (1 - .5), .5 x (1 - 1)
        ([0, 0, 1], 0.0),  # the deviations of the first need cancel
        ([0, 1, 1], np.sqrt(2 / 1 * 2 * 0.125**2)),  # one need in two strata
    ],
)
def test_the_standard_error_is_that_of_needs_within_strata(needs, expected):
    assert standard_error(VALUES, np.array(needs), HALVES) == pytest.approx(expected)


def test_one_stratum_of_all_queries_is_as_good_as_none():
    rng = np.random.default_rng(0)
    values, needs = rng.normal(size=40), rng.integers(15, size=40)
    whole = Strata(np.zeros(40, dtype=np.int64), np.full(40, 1 / 40))
    assert mean_of(values, whole) == pytest.approx(mean_of(values))
    assert standard_error(values, needs, whole) == pytest.approx(standard_error(values, needs))


def test_the_standard_error_is_the_spread_of_means_over_drawn_needs():
    """Needs are drawn 4,000 times within the strata, whose sizes and shares are fixed."""
    rng = np.random.default_rng(1)
    sizes, spreads = (40, 200), (0.3, 0.1)
    of_query = np.repeat([0, 1], sizes)
    strata = Strata(of_query, np.repeat([0.5 / 40, 0.5 / 200], sizes))
    means, deviations = of_query * 5.0, np.repeat(spreads, sizes)
    drawn = rng.normal(means, deviations, (4000, of_query.size))
    observed = np.std([strata.mean(values) for values in drawn])
    estimated = np.mean([standard_error(values, np.arange(240), strata) for values in drawn[:200]])
    assert estimated == pytest.approx(observed, rel=0.05)


def test_queries_that_do_not_count_decide_nothing():
    of_query = np.array([0, 0, 1, 2, 2])
    strata = Strata(of_query, np.array([0.25, 0.25, 0.5, 0.0, 0.0]))
    values = np.array([0.0, 1.0, 1.0, 50.0, -70.0])
    assert strata.mean(values) == pytest.approx(0.75)
    assert standard_error(values, np.arange(5), strata) == standard_error(VALUES, np.arange(3), HALVES)


def test_scores_are_told_apart_over_the_strata_of_their_means():
    best, other = np.full(3, 0.5), np.array([0.6, 0.6, 0.2])
    needs, gap = np.arange(3), best - other
    assert Scored(0.5, other, needs).is_level_with(Scored(0.5, best, needs))
    assert mean_of(gap, HALVES) > standard_error(gap, needs, HALVES) == 0
    assert not Scored(0.4, other, needs, HALVES).is_level_with(Scored(0.5, best, needs, HALVES))


@pytest.mark.parametrize(
    ("query", "corrected", "expected"),
    [
        ("oven dough violin", True, 2 / 3),
        ("oven ovens oven", True, 1),  # one term
        ("sourdugh oven zebra", True, 2 / 3),  # the document says sourdough
        ("sourdugh oven zebra", False, 1 / 3),
        ("sourdugh sourdough", True, 1 / 2),
        ("the of", True, 0),  # stop words alone
    ],
)
def test_words_are_shared_as_they_are_searched(opened, query, corrected, expected):
    """The wanted documents together hold oven, dough and sourdough. As they are typed, misspelt words would put
    queries into low strata that BM25 answers well once they are corrected."""
    index, rows = opened.index, opened.index.doc_rows
    held = {
        doc_id: {index.terms[column] for column in index.counts[[row]].indices}
        for doc_id, row in rows.items()
        if doc_id.startswith("kitchen")
    }
    wanted = dict.fromkeys(held, 1.0) | {"music-0": 0.0, "gone": 1.0}
    assert {"oven", "dough", "sourdough"} <= set.union(*held.values())
    logged = training_query(
        JudgedQuery(RewriteRequest(query), wanted), opened.spelling if corrected else None, opened.analysis
    )
    assert shared_words([logged], index) == pytest.approx([expected])


def test_a_query_without_terms_shares_nothing(opened):
    assert shared_words([], opened.index).shape == (0,)
    assert shared_words([TrainingQuery(QueryTerms(()), {"kitchen-0": 1.0})], opened.index).tolist() == [0.0]


def test_a_bound_belongs_to_the_lower_stratum():
    shares = np.array([0.0, 1 / 5, 1 / 4, 2 / 5, 1 / 2, 3 / 5, 2 / 3, 4 / 5, 1.0, 0.1 + 0.2 + 0.3])
    assert OverlapStrata.of(shares, np.arange(10)).of_query.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 2]


def test_strata_of_few_needs_do_not_count_and_few_strata_choose_nothing():
    n = LEAST_NEEDS
    of_query = np.repeat(np.arange(5), [n, n, n, 3 * n, n])
    needs = np.arange(of_query.size)
    needs[of_query == 3] //= 3  # as many queries of fewer needs
    needs[of_query == 4] = 0
    strata = OverlapStrata(of_query, needs)
    assert (strata.n_queries, strata.n_needs[:3], strata.n_needs[4]) == ([n, n, n, 3 * n, n], [n, n, n], 1)
    assert (strata.counted, strata.are_enough) == ([0, 1, 2, 3], True)
    totals = np.bincount(of_query, strata.equal().weights)
    assert totals == pytest.approx([0.25, 0.25, 0.25, 0.25, 0])
    assert np.bincount(of_query, strata.equal(without=3).weights) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0, 0])
    assert np.bincount(of_query, strata.alone(4).weights) == pytest.approx([0, 0, 0, 0, 1])
    needs[of_query == 0] = 7
    assert not OverlapStrata(of_query, needs).are_enough
