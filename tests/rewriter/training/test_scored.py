"""Scores that cannot be told apart."""

import numpy as np
import pytest

from untilclick.rewriter.training.scored import Scored, standard_error

BEST = np.array([0.5, 0.6, 0.4, 0.7])
NEEDS = np.arange(4)


def scored(values, needs=NEEDS):
    return Scored(float(np.mean(values)), np.asarray(values), needs)


def test_a_score_is_level_with_the_best_within_one_standard_error_of_their_differences():
    gap = np.array([0.1, -0.05, 0.0, 0.05])
    assert gap.mean() < standard_error(gap, NEEDS)
    assert scored(BEST - gap).is_level_with(scored(BEST))
    assert not scored(BEST - 0.01).is_level_with(scored(BEST)), "it is below everywhere"
    assert scored(BEST).is_level_with(scored(BEST))


def test_queries_of_one_need_tell_less_than_queries_of_many():
    gap = np.array([0.1, 0.1, -0.04, 0.0])
    assert not scored(BEST - gap).is_level_with(scored(BEST))
    pairs = np.array([0, 0, 1, 1])
    assert scored(BEST - gap, pairs).is_level_with(scored(BEST, pairs))


@pytest.mark.parametrize("other", [Scored(0.9), Scored(0.9, BEST), 0.9])
def test_without_queries_or_needs_only_the_best_is_the_best(other):
    assert not Scored.of(other).is_level_with(scored(BEST))
    assert not scored(BEST).is_level_with(Scored.of(0.9))
