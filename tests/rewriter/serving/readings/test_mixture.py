"""Weights of the parts of a ranking, by the evidence of each query."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from untilclick.rewriter.serving.readings.mixture import Evidence, Mixture, share_of, surprise_of


def evidence(coverage=0.8, agreement=0.9, surprise=0.8, flatness=0.5):
    return Evidence(*(np.array([value]) for value in (coverage, agreement, surprise, flatness)))


def weights(mixture, **values):
    return tuple(float(each[0]) for each in mixture.weights(evidence(**values)))


@pytest.mark.parametrize("rule", ["fixed", "balanced", "cautious"])
@given(
    typed=st.floats(0, 1),
    share=st.floats(0, 1),
    values=st.tuples(st.floats(0, 1.2), st.floats(-1, 1.5), st.floats(-9, 9), st.floats(0, 1)),
)
def test_the_weights_are_parts_of_1(rule, typed, share, values):
    parts = Mixture(typed, share * (1 - typed), rule).weights(evidence(*values))
    assert sum(parts)[0] == pytest.approx(1)
    assert min(part[0] for part in parts) >= -1e-12


def test_fixed_weights_do_not_follow_the_query():
    assert weights(Mixture(0.3, 0.2, "fixed"), surprise=3) == weights(Mixture(0.3, 0.2, "fixed"), coverage=0.1)
    assert weights(Mixture(0.3, 0.2, "fixed")) == pytest.approx((0.3, 0.2, 0.5))


def test_balanced_trusts_the_typed_words_where_bm25_covers_the_query_and_the_encoder_finds_something_else():
    assert weights(Mixture(), coverage=1, agreement=0.5, surprise=0) == pytest.approx((0.5, 0, 0.5))
    assert weights(Mixture(), coverage=1, agreement=1, surprise=0) == pytest.approx((0.4, 0.15, 0.45))
    assert weights(Mixture(), coverage=0.6, agreement=0.5, surprise=0) == pytest.approx((0.4, 0.15, 0.45))


def test_balanced_gives_less_to_the_typed_words_where_documents_stand_out():
    assert weights(Mixture(), agreement=1, surprise=5) == pytest.approx((0.2, 0.15, 0.65))
    assert weights(Mixture(), agreement=1, surprise=0.75) == pytest.approx((0.3, 0.15, 0.55))


def test_cautious_turns_to_meaning_only_where_the_words_fail():
    cautious = Mixture(0.0, 0.25, "cautious")
    lost = {"coverage": 0.5, "agreement": 0.5, "surprise": 5, "flatness": 1}
    assert weights(cautious, **lost) == pytest.approx((0.025, 0.24375, 0.73125))
    for covered in ({"coverage": 1}, {"agreement": 1}, {"flatness": 0}):
        assert weights(cautious, **{**lost, **covered})[0] == pytest.approx(0.975)


@pytest.mark.parametrize(("typed", "words"), [(-0.1, 0.5), (0.5, -0.1), (0.6, 0.5)])
def test_weights_that_are_no_parts_of_1_are_refused(typed, words):
    with pytest.raises(ValueError, match="are not parts of 1"):
        Mixture(typed, words)


def test_normally_distributed_cosines_surprise_nobody():
    quantiles = norm.ppf((np.arange(10_000) + 0.5) / 10_000)
    tenth = np.sort(quantiles)[-10:][:1]
    assert surprise_of(tenth, np.array([0.0]), np.array([1.0]), 10_000) == pytest.approx(0, abs=0.03)
    assert surprise_of(tenth + 2, np.array([0.0]), np.array([1.0]), 10_000) == pytest.approx(2, abs=0.03)


@pytest.mark.parametrize("n", [0, 1, 10, 19])
def test_few_documents_have_a_finite_surprise(n):
    assert np.isfinite(surprise_of(np.array([0.5]), np.array([0.5]), np.array([0.0]), n))


def test_a_share_of_nothing_is_0():
    assert share_of(np.array([1.0, 1.0]), np.array([0.0, 4.0])).tolist() == [0, 0.25]
