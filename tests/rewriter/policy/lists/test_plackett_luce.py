"""The Plackett-Luce policy against the enumeration of all lists of a toy."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch

from untilclick.rewriter.policy.lists.plackett_luce import (
    Candidates,
    Lists,
    draw_lists,
    list_kl,
    list_log_probs,
    next_document,
)

N, LENGTH = 5, 3
ALL = list(itertools.permutations(range(N), LENGTH))


def scores_of(seed: int, sharpness: float = 1.0) -> torch.Tensor:
    return sharpness * torch.randn(1, N, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def candidates_of(scores: torch.Tensor) -> Candidates:
    return Candidates(scores, torch.ones_like(scores, dtype=torch.bool))


def all_lists() -> Lists:
    documents = torch.tensor(ALL)
    return Lists(documents, torch.ones_like(documents, dtype=torch.bool))


def probability(weights: list[float], documents: tuple[int, ...]) -> float:
    """By the definition: each document among those that remain."""
    product, remaining = 1.0, sum(weights)
    for document in documents:
        product *= weights[document] / remaining
        remaining -= weights[document]
    return product


def test_probabilities_are_those_of_the_definition_and_sum_to_1():
    scores = scores_of(0)
    found = list_log_probs(candidates_of(scores), all_lists()).sum(1).exp()
    weights = scores[0].exp().tolist()
    assert found.tolist() == pytest.approx([probability(weights, documents) for documents in ALL])
    assert float(found.sum()) == pytest.approx(1.0)


def test_the_next_document_has_the_same_probabilities():
    candidates, lists = candidates_of(scores_of(4)), all_lists()
    drawn = next_document(candidates, lists).gather(2, lists.documents[..., None])[..., 0]
    assert torch.allclose(drawn, list_log_probs(candidates, lists))


def test_sharp_scores_lose_no_digits():
    """A document that has nearly all of the mass leaves 1e-17 to the others."""
    scores = torch.tensor([[40.0, 1.0, 0.0, 0.0, 0.0]])
    lists = Lists(torch.tensor([[0, 1, 2]]), torch.ones(1, 3, dtype=torch.bool))
    second = float(list_log_probs(candidates_of(scores), lists)[0, 1])
    assert second == pytest.approx(math.log(math.e / (math.e + 3)), abs=1e-5)


def test_the_summed_kl_has_the_kl_of_whole_lists_as_its_mean():
    policy, reference, lists = candidates_of(scores_of(0)), candidates_of(scores_of(1)), all_lists()
    log_probs, others = (list_log_probs(each, lists).sum(1) for each in (policy, reference))
    summed = list_kl(next_document(policy, lists), next_document(reference, lists), lists)
    assert float((log_probs.exp() * summed).sum()) == pytest.approx(
        float((log_probs.exp() * (log_probs - others)).sum())
    )


def test_lists_are_drawn_as_often_as_their_probability_says():
    candidates, n = candidates_of(scores_of(2)), 40_000
    drawn = draw_lists(candidates, n, LENGTH, torch.Generator().manual_seed(0))
    counts = Counter(map(tuple, drawn.documents.tolist()))
    expected = list_log_probs(candidates, all_lists()).sum(1).exp().tolist()
    for documents, p in zip(ALL, expected, strict=True):
        assert abs(counts[documents] / n - p) < 4.5 * math.sqrt(p * (1 - p) / n)


def test_without_a_generator_the_best_are_taken():
    scores = torch.tensor([[0.0, 3.0, 1.0, 2.0, -1.0]])
    assert draw_lists(candidates_of(scores), 1, LENGTH, None).documents.tolist() == [[1, 3, 2]]


def test_the_ratio_of_unchanged_scores_is_1():
    candidates = candidates_of(scores_of(3).float())
    lists = draw_lists(candidates, 8, LENGTH, torch.Generator().manual_seed(1))
    again = list_log_probs(candidates, lists)
    assert torch.allclose((again - list_log_probs(candidates, lists)).exp(), torch.ones_like(again), atol=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_gradients_are_those_of_finite_differences(seed):
    scores = scores_of(seed, 2.0).requires_grad_()
    reference = next_document(candidates_of(scores_of(seed + 9)), all_lists())

    def log_probs_and_kl(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        candidates = candidates_of(values)
        kl = list_kl(next_document(candidates, all_lists()), reference, all_lists())
        return list_log_probs(candidates, all_lists()), kl

    assert torch.autograd.gradcheck(log_probs_and_kl, (scores,))


def test_a_list_ends_with_the_candidates():
    scores = torch.tensor([[0.5, 2.0, 1.0, 9.0], [1.0, 2.0, 3.0, 4.0]])
    real = torch.tensor([[True, True, False, False], [True, True, True, True]])
    candidates = Candidates(scores, real)
    lists = draw_lists(candidates, 16, LENGTH, torch.Generator().manual_seed(0))
    assert lists.mask[:16].tolist() == [[True, True, False]] * 16
    assert lists.mask[16:].all()
    assert set(lists.documents[:16, :2].flatten().tolist()) == {0, 1}
    log_probs = list_log_probs(candidates, lists)
    assert (log_probs[:16, 1:] == 0).all()  # one document remained, then none
    assert torch.isfinite(log_probs).all()
    assert (list_kl(next_document(candidates, lists), next_document(candidates, lists), lists) == 0).all()
