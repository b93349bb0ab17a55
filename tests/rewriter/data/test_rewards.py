"""Worth of rankings, by hand and against the formulas of `untilclick.search.measures.metrics`."""

from __future__ import annotations

import numpy as np
import pytest

from untilclick.rewriter.data.rewards import (
    ClickReward,
    ExpectedClickReward,
    HindsightReward,
    NdcgReward,
    RankReward,
    make_reward,
    rank_worth,
)
from untilclick.search.click_models.by_name import CLICK_MODELS, click_model
from untilclick.search.click_models.cm import CascadeModel
from untilclick.search.click_models.pbm import PositionBasedModel
from untilclick.search.measures import metrics

from tests.reference_formulas import expected_reciprocal_rank

GRADES = np.array([[0, 2, 1, 0, 0], [1, 0, 0, 0, 2], [0, 0, 0, 0, 0], [2, 2, 1, 1, 1]], dtype=np.float32)
IDEAL = np.array([[2, 1, 0, 0, 0], [2, 2, 1, 0, 0], [0, 0, 0, 0, 0], [2, 2, 1, 1, 1]], dtype=np.float32)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.mark.parametrize(
    ("rank", "worth"), [(1, 2.0), (4, 2 - 3 / 9), (10, 1.0), (11, 1 - 1 / 90), (55, 0.5), (100, 0.0), (101, 0.0)]
)
def test_rank_worth_by_hand(rank, worth):
    assert rank_worth(np.array([rank]))[0] == pytest.approx(worth)


def test_rank_worth_never_rises_with_the_rank():
    assert (np.diff(rank_worth(np.arange(1, 130))) <= 0).all()


def test_rank_reward_is_that_of_the_first_relevant_document():
    assert RankReward()(GRADES, IDEAL, rng()) == pytest.approx([2 - 1 / 9, 2.0, 0.0, 2.0])


@pytest.mark.parametrize("name", ["rank", "hindsight"])
def test_worth_of_ranks_reads_as_many_as_it_is_told(name):
    assert make_reward(name, click_model("pbm"), "every").depth == 100
    assert make_reward(name, click_model("pbm"), "every", 10).depth == 10


def test_hindsight_reward_weighs_documents_by_their_clicks():
    """The first ranking has the document with three clicks at rank 2 and the one with a single click at rank 5; the
    second ranking contains neither."""
    grades = np.array([[0, 3, 0, 0, 1], [0, 0, 0, 0, 0]], dtype=np.float32)
    ideal = np.array([[3, 1, 0, 0, 0], [3, 1, 0, 0, 0]], dtype=np.float32)
    worth = (3 * (2 - 1 / 9) + (2 - 4 / 9)) / 4
    assert HindsightReward()(grades, ideal, rng()) == pytest.approx([worth, 0.0])
    assert HindsightReward()(grades[:1] * 0, ideal[:1] * 0, rng()) == pytest.approx([0.0])


def test_ndcg_equals_the_measure_that_is_reported():
    ideal_dcg = metrics.dcg(metrics.ranks_to(5), IDEAL)
    assert NdcgReward()(GRADES, IDEAL, rng()) == pytest.approx(metrics.ndcg(GRADES.astype(int), ideal_dcg))


def test_ndcg_of_the_ideal_order_is_1_and_without_relevant_documents_0():
    assert NdcgReward().expected(IDEAL, IDEAL) == pytest.approx([1, 1, 0, 1])


def test_expected_click_under_the_cascade_model_is_err():
    """Attractiveness (2^g - 1) / 2^max makes the cascade user the one of Chapelle et al."""
    reward = ExpectedClickReward(CascadeModel((0.0, 1 / 4, 3 / 4)), "first")
    wanted = expected_reciprocal_rank(GRADES.astype(int).tolist(), max_grade=2)
    assert reward(GRADES, IDEAL, rng()) == pytest.approx(wanted)


def test_every_click_under_the_position_model_is_a_discounted_sum():
    reward = ExpectedClickReward(PositionBasedModel((0.0, 0.5, 1.0), (1.0, 0.5, 0.25, 0.2, 0.1)), "every")
    wanted = [1.0 * 0.5 + 0.5 * 0.25, 0.5 + 1.0 * 0.1, 0.0, 1 + 0.5 + 0.5 * (0.25 + 0.2 + 0.1)]
    assert reward(GRADES, IDEAL, rng()) == pytest.approx(wanted)


def test_the_share_of_clicks_under_users_who_click_by_relevance_is_a_normalised_discounted_gain():
    model = PositionBasedModel((0.0, 0.5, 1.0), (1.0, 0.5, 0.25, 0.2, 0.1))
    every, share = (ExpectedClickReward(model, credit)(GRADES, IDEAL, rng()) for credit in ("every", "share"))
    best = ExpectedClickReward(model, "every")(IDEAL, IDEAL, rng())
    assert share == pytest.approx(every / np.maximum(best, 1e-9))
    assert ((share >= 0) & (share <= 1 + 1e-9)).all()


@pytest.mark.parametrize("credit", ["first", "every", "share"])
@pytest.mark.parametrize("name", CLICK_MODELS)
def test_sampled_clicks_average_to_the_expected_worth(name, credit):
    model = click_model(name, "informational", 2)
    grades = np.repeat(GRADES, 4000, axis=0)
    sampled = ClickReward(model, credit)(grades, np.repeat(IDEAL, 4000, axis=0), rng()).reshape(len(GRADES), -1)
    expected = ExpectedClickReward(model, credit).expected(GRADES, IDEAL)
    error = sampled.std(1) / np.sqrt(sampled.shape[1])
    assert (np.abs(sampled.mean(1) - expected) <= 4 * error + 1e-3).all()


def test_the_original_is_compared_without_chance():
    reward = ClickReward(click_model("pbm", "informational", 2), "every")
    assert (reward.expected(GRADES, IDEAL) == reward.expected(GRADES, IDEAL)).all()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("click", ClickReward),
        ("expected_click", ExpectedClickReward),
        ("rank", RankReward),
        ("hindsight", HindsightReward),
        ("ndcg", NdcgReward),
    ],
)
def test_rewards_are_made_by_name(name, kind):
    assert type(make_reward(name, click_model("cm"), "every")) is kind
