"""Losses of learning to rank, against values computed by hand and against plain loops."""

from __future__ import annotations

import math
from itertools import permutations

import pytest
import torch

from untilclick.rewriter.training.ranking.hard_negatives import HardNegatives
from untilclick.rewriter.training.ranking.info_nce import info_nce
from untilclick.rewriter.training.ranking.lambda_loss import lambda_loss
from untilclick.rewriter.training.ranking.list_mle import list_mle

SCORES = torch.tensor([[0.3, -0.2, 1.1, 0.0]], dtype=torch.float64)
GAINS = torch.tensor([[0.0, 2.0, 0.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize("loss", [info_nce, list_mle, lambda_loss])
def test_a_step_down_the_gradient_raises_what_has_a_gain_above_what_has_none(loss):
    scores = SCORES.clone().requires_grad_()
    loss(scores, GAINS).backward()
    step = -scores.grad[0]
    assert min(step[1], step[3]) > 0 > max(step[0], step[2])


@pytest.mark.parametrize("loss", [info_nce, list_mle, lambda_loss])
def test_gradients_are_those_of_finite_differences(loss):
    torch.autograd.gradcheck(lambda scores: loss(scores, GAINS), (SCORES.clone().requires_grad_(),))


@pytest.mark.parametrize("loss", [info_nce, list_mle, lambda_loss])
def test_a_query_without_a_gain_says_nothing(loss):
    both = torch.cat([SCORES, SCORES.flip(1)])
    gains = torch.cat([GAINS, torch.zeros_like(GAINS)])
    torch.testing.assert_close(loss(both, gains), loss(SCORES, GAINS))
    assert loss(SCORES, torch.zeros_like(GAINS)) == 0


def test_info_nce_of_equal_scores_is_the_logarithm_of_their_number():
    assert info_nce(torch.zeros(1, 4), torch.tensor([[0.0, 1.0, 0.0, 3.0]])).item() == pytest.approx(math.log(4))


def test_list_mle_is_the_probability_of_the_orders_that_begin_with_the_gains():
    weights = SCORES[0].exp().tolist()
    probability = sum(_plackett_luce(weights, order) for order in permutations(range(4)) if order[:2] == (1, 3))
    assert list_mle(SCORES, GAINS).item() == pytest.approx(-math.log(probability))


def test_list_mle_ends_at_its_depth():
    weights = SCORES[0].exp()
    expected = -math.log(weights[1] / weights.sum())
    assert list_mle(SCORES, GAINS, depth=1).item() == pytest.approx(expected)


def test_lambda_loss_of_a_pair():
    """Gain 1 at rank 2: maxDCG 1, rho = 1 - 1 / log2 3 = delta, and 10 of the latter: 11 rho log2(1 + e)."""
    loss = lambda_loss(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    assert loss.item() == pytest.approx(11 * (1 - 1 / math.log2(3)) * math.log2(1 + math.e), rel=1e-5)


def test_lambda_loss_is_a_sum_over_pairs():
    scores, gains = SCORES[0].tolist(), GAINS[0].tolist()
    ranks = [1 + sum(other > score for other in scores) for score in scores]
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    total = 0.0
    for i in range(4):
        for j in range(4):
            if gains[i] > gains[j]:
                rho = abs(1 / math.log2(1 + ranks[i]) - 1 / math.log2(1 + ranks[j]))
                distance = abs(ranks[i] - ranks[j])
                delta = abs(1 / math.log2(1 + distance) - 1 / math.log2(2 + distance))
                bits = math.log2(1 + math.exp(scores[j] - scores[i]))
                total += (rho + 10 * delta) * (gains[i] - gains[j]) / ideal * bits
    assert lambda_loss(SCORES, GAINS).item() == pytest.approx(total)


def test_hard_negatives_is_info_nce_over_all_documents_of_the_batch():
    generator = torch.Generator().manual_seed(0)
    queries, positives = torch.randn((2, 3, 5), generator=generator)
    negatives = torch.randn((3, 2, 5), generator=generator)
    documents = torch.cat([positives, negatives[:, 0], negatives[:, 1]])  # (9, 5)
    expected = -torch.log_softmax(2.0 * queries @ documents.T, 1).diagonal().mean()
    torch.testing.assert_close(HardNegatives(scale=2.0)(queries, positives, negatives), expected)


def _plackett_luce(weights: list[float], order: tuple[int, ...]) -> float:
    probability, left = 1.0, sum(weights)
    for place in order:
        probability *= weights[place] / left
        left -= weights[place]
    return probability
