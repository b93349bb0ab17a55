"""Tests that a reader can check by counting sign flips."""

import numpy as np
import pytest

from untilclick.rewriter.evaluation.statistics import (
    Comparison,
    TopicValues,
    bootstrap_ci95,
    compare,
    randomisation_p,
)


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        ([0.1, 0.2, 0.3], 2 / 8),  # of 8 sign patterns only +++ and --- are as far out
        ([0.3, -0.1], 4 / 4),  # |.1| is reached by .1, .2, -.2, -.1: all four
        ([0.1, 0.1, 0.1, 0.1], 2 / 16),
        ([0.5, 0.0], 4 / 4),  # flipping a zero changes nothing
        ([0.4], 1.0),
    ],
)
def test_the_exact_p_counts_the_sign_patterns_at_least_as_extreme(difference, expected):
    assert randomisation_p(np.array(difference), rng()) == pytest.approx(expected)


def test_p_is_one_without_any_difference_or_any_topic():
    assert randomisation_p(np.zeros(20), rng()) == 1.0
    assert randomisation_p(np.array([]), rng()) == 1.0


def test_p_is_small_for_a_clear_difference_and_large_for_noise():
    noise = rng().normal(0, 1, 200)
    assert randomisation_p(noise + 1.0, rng()) == pytest.approx(2 / 10_000)
    assert randomisation_p(noise - noise.mean(), rng()) > 0.9


def test_p_values_under_no_difference_are_spread_evenly():
    """Without a difference a quarter of the p values are below .25; 120 draws may deviate by four standard errors."""
    draws = np.random.default_rng(5).normal(0, 1, (120, 25))
    share = np.mean([randomisation_p(row, rng(), resamples=400) < 0.25 for row in draws])
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 120)


def test_the_interval_is_close_to_the_normal_one_for_normal_differences():
    difference = np.random.default_rng(1).normal(0.1, 1.0, 400)
    low, high = bootstrap_ci95(difference, rng())
    half = 1.96 * difference.std(ddof=1) / 20
    assert low == pytest.approx(difference.mean() - half, abs=0.02)
    assert high == pytest.approx(difference.mean() + half, abs=0.02)


@pytest.mark.parametrize("value", [0.0, 0.25, -0.5])
def test_equal_differences_have_an_interval_of_no_width(value):
    assert bootstrap_ci95(np.full(7, value), rng()) == pytest.approx((value, value))


def test_one_lone_difference_among_zeros_still_gives_a_finite_interval():
    low, high = bootstrap_ci95(np.array([0.0] * 30 + [1.0]), rng())
    assert 0.0 <= low <= 1 / 31 <= high


def test_wins_losses_ties_and_harm_are_counted_per_topic():
    a = np.array([0.5, 0.2, 0.30, 0.0, 0.7])
    b = np.array([0.1, 0.2, 0.33, 0.4, 0.75])
    result = compare(TopicValues("ppo", a), TopicValues("bm25", b), "nDCG@10", rng())
    assert (result.wins, result.losses, result.ties, result.n) == (1, 3, 1, 5)
    assert result.harmed_share == pytest.approx(1 / 5)  # .03 and .05 are within the margin, .4 is not
    assert result.difference == pytest.approx((0.4 - 0.03 - 0.4 - 0.05) / 5)
    assert result.ci95[0] <= result.difference <= result.ci95[1]


def test_the_same_seed_gives_the_same_comparison():
    a, b = (TopicValues(name, np.random.default_rng(i).random(30)) for i, name in enumerate("ab"))
    assert compare(a, b, "RR@10", rng()) == compare(a, b, "RR@10", rng())


def test_comparing_nothing_is_neutral():
    result = compare(TopicValues("a", np.array([])), TopicValues("b", np.array([])), "RR@10", rng())
    assert (result.difference, result.ci95, result.p, result.n, result.harmed_share) == (0.0, (0.0, 0.0), 1.0, 0, 0.0)


def test_unpaired_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        compare(TopicValues("a", np.zeros(2)), TopicValues("b", np.zeros(3)), "RR@10", rng())


@pytest.mark.parametrize(("p", "significant"), [(0.0499, True), (0.05, False), (1.0, False)])
def test_a_difference_counts_from_p_below_5_percent(p, significant):
    assert Comparison("a", "b", "RR@10", 0.1, (0.0, 0.2), p, 2, 1, 0.0, 3).significant is significant


def of(values, needs=None):
    a, b = TopicValues("ppo", np.array(values)), TopicValues("bm25", np.zeros(len(values)))
    return compare(a, b, "nDCG@10", rng(), needs=None if needs is None else np.array(needs))


def test_needs_of_one_topic_each_change_nothing():
    values = np.random.default_rng(3).normal(0.02, 0.1, 60)
    assert of(values, range(60)) == of(values)


def test_the_exact_p_flips_the_signs_of_whole_needs():
    assert randomisation_p(np.array([0.1, 0.2, 0.3, 0.4]), rng(), needs=np.array([0, 0, 1, 1])) == 2 / 4
    assert randomisation_p(np.array([0.1, 0.2, 0.3]), rng(), needs=np.array([5, 5, 5])) == 1.0


def test_means_count_topics_and_the_number_of_needs_is_told():
    result = of([0.4, 0.4, 0.4, -0.4], [7, 7, 7, 9])
    assert (result.difference, result.n, result.n_needs) == (pytest.approx(0.2), 4, 2)
    assert result.harmed_share == 1 / 4
    assert result.harmed_ci95 == (0.0, 1.0)


def test_the_interval_widens_when_queries_of_a_need_agree():
    """200 queries of 20 needs, each with its own gain: a sample of queries would promise too much."""
    needs = np.repeat(np.arange(20), 10)
    values = np.random.default_rng(4).normal(0, 0.2, 20)[needs]
    (low, high), (narrow_low, narrow_high) = of(values, needs).ci95, of(values).ci95
    assert high - low > 2 * (narrow_high - narrow_low)


def test_intervals_by_need_hold_the_truth_as_often_as_they_say():
    """60 draws of 25 needs with 1 to 8 queries: at least 52 of 57, since the bootstrap of few needs is narrow."""
    draws = np.random.default_rng(6)
    inside = 0
    for _ in range(60):
        needs = np.repeat(np.arange(25), draws.integers(1, 9, 25))
        values = draws.normal(0, 0.2, 25)[needs] + draws.normal(0, 0.1, needs.size)
        low, high = bootstrap_ci95(values, draws, resamples=999, needs=needs)
        inside += low <= 0 <= high
    assert inside >= 52


def test_rounding_noise_of_a_need_is_no_difference():
    """.1 + .2 - .3 is not 0 in floating point."""
    values, needs = np.tile([0.1, 0.2, -0.3], 12), np.repeat(np.arange(12), 3)
    assert randomisation_p(values, rng(), needs=needs) == 1.0
    assert bootstrap_ci95(values, rng(), needs=needs) == pytest.approx((0.0, 0.0))
