"""Ways to learn scores from the same lists: the supervised losses, and a policy gradient on lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from untilclick.rewriter.policy.lists.plackett_luce import Candidates, Lists, draw_lists, list_log_probs
from untilclick.rewriter.training.ppo.list_objective import ListExperience, list_objective
from untilclick.rewriter.training.ppo.list_returns import leave_one_out_by_rank, rewards_to_go
from untilclick.rewriter.training.ranking.hard_negatives import HardNegatives
from untilclick.rewriter.training.ranking.info_nce import info_nce
from untilclick.rewriter.training.ranking.lambda_loss import lambda_loss
from untilclick.rewriter.training.ranking.list_mle import list_mle
from untilclick.search.measures.fusion import reciprocal_rank_fusion
from untilclick.search.records import ScoredDoc

from benchmarks.score_ground import BATCH, DEPTH, START, Queries, Scorer

TAU = 0.3
"""Temperature of drawn lists. Scores are first brought to mean 0 and deviation 1 over a query's candidates, so that
it means the same for every method."""
CLIP, KL = 0.2, 0.0125
"""Clip range and weight of the KL to the start, the defaults of PPO."""
HARD = 4
"""Hard negatives of a query: its candidates without gain of the highest scores."""
NEIGHBOUR_TAU = 0.05
"""Temperature of the softmax over cosines with training queries."""

Loss = Callable[[Scorer, Queries, Tensor, Tensor], Tensor]
"""Scorer, queries, rows (B,) and the gains (B, C) of their candidates -> () loss."""


class Evidence:
    """How often candidates of training queries were shown and clicked."""

    def __init__(self, shape: torch.Size) -> None:
        self.clicked, self.shown = torch.zeros(shape), torch.zeros(shape)

    def add(self, lists: Tensor, clicks: Tensor) -> None:
        """Count lists (P, L) of places among the candidates, with the clicks (P, L) on them."""
        self.clicked.scatter_add_(1, lists, clicks)
        self.shown.scatter_add_(1, lists, torch.ones_like(clicks))

    def gains(self) -> Tensor:
        """(P, C) clicks / (times shown + 1); 0 for what was not shown."""
        return self.clicked / (self.shown + 1.0)


def of_scores(loss: Callable[[Tensor, Tensor], Tensor]) -> Loss:
    """The loss on the candidates' scores."""

    def on_candidates(scorer: Scorer, queries: Queries, rows: Tensor, gains: Tensor) -> Tensor:
        return loss(scorer(queries, rows), gains)

    return on_candidates


class OfVectors:
    """The hard negatives of sentence-transformers. BM25 has its weight of the start: the library's loss sees vectors
    alone."""

    def __init__(self) -> None:
        self._loss = HardNegatives()

    def __call__(self, scorer: Scorer, queries: Queries, rows: Tensor, gains: Tensor) -> Tensor:
        """See `Loss`. The positive of a query is drawn in proportion to the gains."""
        kept = (gains > 0).any(1)
        rows, gains = rows[kept], gains[kept]
        with torch.no_grad():
            hard = scorer(queries, rows).masked_fill(gains > 0, -torch.inf).topk(HARD, 1).indices  # (B, H)
        places = torch.cat([torch.multinomial(gains, 1), hard], 1)  # (B, 1 + H)
        documents = scorer.documents()[queries.candidates[rows].gather(1, places)]  # (B, 1 + H, d)
        return self._loss(scorer.queries(queries.vectors[rows]), documents[:, 0], documents[:, 1:])


def supervised_losses() -> dict[str, Loss]:
    """The supervised methods by name."""
    return {
        "InfoNCE over candidates": of_scores(info_nce),
        "hard negatives (s-t)": OfVectors(),
        "ListMLE": of_scores(list_mle),
        "LambdaLoss": of_scores(lambda_loss),
    }


def standardised(scores: Tensor) -> Tensor:
    """(B, C) scores at mean 0 and deviation 1 over the candidates, divided by the temperature."""
    return (scores - scores.mean(1, keepdim=True)) / (scores.std(1, keepdim=True) + 1e-6) / TAU


def drawn_lists(scores: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """(B, n, L) lists drawn from the Plackett-Luce policy of the standardised scores (B, C)."""
    drawn = draw_lists(_policy(standardised(scores)), n, DEPTH, generator)
    return drawn.documents.view(len(scores), n, -1)


def _policy(logits: Tensor) -> Candidates:
    return Candidates(logits, torch.ones_like(logits, dtype=torch.bool))


def by_rank(rewards: Tensor) -> Tensor:
    """(..., L) rewards (..., L), each divided by log2(1 + rank). A click counts less further down: every session here
    has one query, so that the discount by queries, which the return of a session has, would tell no two lists apart
    that show the same documents."""
    return rewards / torch.log2(torch.arange(2, rewards.shape[-1] + 2, dtype=rewards.dtype))


def fit(
    loss: Loss, scorer: Scorer, queries: Queries, gains: Tensor, optimiser: torch.optim.Optimizer, epochs: int
) -> None:
    """Train a scorer on the gains (P, C) of candidates."""
    for _ in range(epochs):
        for rows in torch.randperm(len(queries)).split(BATCH):
            if (gains[rows] > 0).any():
                _step(optimiser, loss(scorer, queries, rows, gains[rows]))


class Shown(NamedTuple):
    """Lists that were drawn for P queries, and what they were paid."""

    lists: Tensor
    """(P, G, L) places among the candidates."""
    rewards: Tensor
    """(P, G, L) at the ranks of the lists."""
    reference: Tensor
    """(P, C) scores that the policy is kept near: those before training."""


def fit_policy(scorer: Scorer, queries: Queries, shown: Shown, optimiser: torch.optim.Optimizer, epochs: int) -> None:
    """PPO on Plackett-Luce lists: the clipped surrogate, the other lists of the query as the baseline, and the KL to
    the start."""
    batch = _experience(scorer, queries, shown)
    for _ in range(epochs):
        for rows in torch.randperm(len(queries)).split(BATCH):
            present = _policy(standardised(scorer(queries, rows)))
            _step(optimiser, list_objective(present, batch.of_queries(rows), CLIP, KL).loss)


@torch.no_grad()
def _experience(scorer: Scorer, queries: Queries, shown: Shown) -> ListExperience:
    documents = shown.lists.flatten(0, 1)  # (P x G, L)
    lists = Lists(documents, torch.ones_like(documents, dtype=torch.bool))
    returns = rewards_to_go(by_rank(shown.rewards).flatten(0, 1), lists)
    advantages = leave_one_out_by_rank(returns, shown.lists.shape[1])
    old = list_log_probs(_policy(standardised(scorer.all_scores(queries))), lists)
    scaled = advantages / (advantages.std() + 1e-6)
    return ListExperience(lists, old, scaled, _policy(standardised(shown.reference)))


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def untrained(queries: Queries, documents: Tensor) -> Tensor:
    """(P, C) scores of BM25 and the encoder without training."""
    return Scorer(documents).all_scores(queries)


def similar_scores(queries: Queries, train: Queries, gains: Tensor, documents: Tensor) -> Tensor:
    """(P, C) the untrained scores, plus the gains of each candidate at similar training queries, divided by the
    highest, with the same weight. Nothing is trained."""
    near = torch.softmax(queries.vectors @ train.vectors.T / NEIGHBOUR_TAU, 1)  # (P, T)
    spread = torch.zeros(len(train), len(documents)).scatter(1, train.candidates, gains)  # (T, D)
    found = (near @ spread).gather(1, queries.candidates)  # (P, C)
    return untrained(queries, documents) + START * found / found.amax(1, keepdim=True).clamp_min(1e-9)


def fused_scores(parts: Sequence[Tensor]) -> Tensor:
    """(P, C) reciprocal-rank fusion of several scores (P, C)."""
    fused = torch.zeros_like(parts[0])
    for row in range(len(fused)):
        rankings = [_ranking(part[row].numpy()) for part in parts]
        for entry in reciprocal_rank_fusion(rankings, fused.shape[1]):
            fused[row, int(entry.doc_id)] = entry.score
    return fused


def _ranking(scores: NDArray[np.float32]) -> list[ScoredDoc]:
    return [ScoredDoc(str(place), float(scores[place])) for place in np.argsort(-scores, kind="stable")]
