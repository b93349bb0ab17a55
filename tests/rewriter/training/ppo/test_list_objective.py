"""PPO on lists: its loss by hand, and a toy whose clicks it learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from untilclick.rewriter.policy.lists.plackett_luce import (
    Candidates,
    draw_lists,
    list_kl,
    list_log_probs,
    next_document,
)
from untilclick.rewriter.training.ppo.list_objective import ListExperience, list_objective
from untilclick.rewriter.training.ppo.list_returns import discounted_clicks, leave_one_out_by_rank, rewards_to_go
from untilclick.search.click_models.by_name import click_model

N_QUERIES, N_CANDIDATES, LENGTH, LISTS, WIDTH = 24, 12, 5, 8, 16


def candidates_of(scores: torch.Tensor) -> Candidates:
    return Candidates(scores, torch.ones_like(scores, dtype=torch.bool))


def experience_of(scores: torch.Tensor, reference: torch.Tensor, seed: int = 0) -> ListExperience:
    lists = draw_lists(candidates_of(scores), LISTS, LENGTH, torch.Generator().manual_seed(seed))
    advantages = torch.randn(lists.mask.shape, generator=torch.Generator().manual_seed(seed), dtype=scores.dtype)
    return ListExperience(lists, list_log_probs(candidates_of(scores), lists), advantages, candidates_of(reference))


def random_scores(seed: int) -> torch.Tensor:
    return torch.randn(3, N_CANDIDATES, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_at_the_first_step_the_gradient_is_that_of_the_log_probabilities():
    scores = random_scores(0).requires_grad_()
    batch = experience_of(scores.detach(), random_scores(1))
    objective = list_objective(candidates_of(scores), batch, 0.2, 0.0)
    (found,) = torch.autograd.grad(objective.loss, scores)
    weighted = list_log_probs(candidates_of(scores), batch.lists) * batch.advantages
    (expected,) = torch.autograd.grad(-weighted.mean(), scores)
    torch.testing.assert_close(found, expected)
    assert float(objective.parts["approx_kl"]) == pytest.approx(0.0, abs=1e-10)
    assert float(objective.parts["clip_share"]) == 0.0


def test_the_penalty_is_the_summed_kl_per_rank():
    scores, reference = random_scores(0), random_scores(1)
    batch = experience_of(scores, reference)
    without, with_penalty = (list_objective(candidates_of(scores), batch, 0.2, coef).loss for coef in (0.0, 0.5))
    kl = list_kl(*(next_document(candidates_of(each), batch.lists) for each in (scores, reference)), batch.lists)
    assert float(with_penalty - without) == pytest.approx(0.5 * float(kl.mean()) / LENGTH)


def test_a_part_of_the_queries_has_their_lists():
    batch = experience_of(random_scores(0), random_scores(1))
    part = batch.of_queries(torch.tensor([2, 0]))
    assert part.lists.documents[:LISTS].equal(batch.lists.documents[2 * LISTS :])
    assert part.log_probs[LISTS:].equal(batch.log_probs[:LISTS])
    assert part.reference.scores.equal(batch.reference.scores[[2, 0]])


class Toy:
    """Queries and documents as random vectors; the wanted document of a query is that of a hidden projection."""

    def __init__(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.queries = torch.randn(N_QUERIES, WIDTH, generator=generator)
        self.documents = torch.randn(N_QUERIES, N_CANDIDATES, WIDTH, generator=generator)
        hidden = torch.randn(WIDTH, WIDTH, generator=generator)
        self.wanted = self.scores(hidden).argmax(1)

    def scores(self, projection: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bd,de,bce->bc", self.queries, projection, self.documents) / WIDTH

    def mean_rank(self, projection: torch.Tensor) -> float:
        scores = self.scores(projection)
        return float((scores > scores.gather(1, self.wanted[:, None])).sum(1).float().mean()) + 1.0


@pytest.mark.parametrize("seed", range(3))
def test_clicks_alone_teach_what_is_wanted(seed):
    toy, users = Toy(seed), click_model("dbn", "navigational", 1)
    projection = torch.zeros(WIDTH, WIDTH, requires_grad=True)
    start = candidates_of(toy.scores(projection.detach()))
    optimiser = torch.optim.Adam([projection], lr=0.1)
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    for _ in range(30):
        candidates = candidates_of(toy.scores(projection.detach()))
        lists = draw_lists(candidates, LISTS, LENGTH, generator)
        grades = (lists.documents == toy.wanted.repeat_interleave(LISTS)[:, None]).long()
        clicks = torch.from_numpy(users.sample(grades.numpy(), rng).clicked).float()
        rewards = discounted_clicks(clicks, torch.zeros(len(clicks)), 0.7)
        advantages = leave_one_out_by_rank(rewards_to_go(rewards, lists), LISTS)
        batch = ListExperience(lists, list_log_probs(candidates, lists), advantages, start)
        for _ in range(2):
            optimiser.zero_grad()
            list_objective(candidates_of(toy.scores(projection)), batch, 0.2, 0.01).loss.backward()
            optimiser.step()
    assert toy.mean_rank(projection.detach()) < 0.5 * toy.mean_rank(torch.eye(WIDTH))
