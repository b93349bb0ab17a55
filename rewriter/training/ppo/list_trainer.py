"""PPO on lists of documents, for any scorer f(query, document): a bi-encoder, a cross-encoder, a policy's memory.

A round takes some queries with their candidates, which stay the same for the round; draws lists from the present
scores; asks what they are paid; and makes optimiser steps on the loss of `list_objective.py`. The advantage of a rank
is the rewards at it and below it less those of the other lists of the query at the same rank.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from untilclick.rewriter.policy.lists.plackett_luce import Candidates, Lists, draw_lists, list_log_probs
from untilclick.rewriter.training.ppo.list_objective import ListExperience, list_objective
from untilclick.rewriter.training.ppo.list_returns import leave_one_out_by_rank, rewards_to_go
from untilclick.rewriter.training.ppo.list_rewards import ListRewards
from untilclick.search.click_models.base import NO_DOCUMENT


class CandidateDocuments(NamedTuple):
    """The documents that may be listed for b queries."""

    documents: Tensor
    """(b, C) int64, rows of the corpus; arbitrary on padding."""
    real: Tensor
    """(b, C) bool, False on padding."""


CandidatesOf = Callable[[NDArray[np.int64]], CandidateDocuments]
"""Gives the candidates of the queries at positions (b,). It is asked once a round."""


@dataclass(frozen=True)
class ListPPOConfig:
    """How scores are learned from lists."""

    queries_per_round: int = 64
    lists_per_query: int = 8
    """Lists drawn for each query, 2 or more, because they are each other's baseline."""
    length: int = 10
    """Ranks of a list: those that searchers examine."""
    temperature: float = 1.0
    """Divides the scores where lists are drawn and scored; above 1 lists differ more."""
    epochs: int = 2
    """Passes over the lists of a round."""
    minibatches: int = 1
    """Optimiser steps per pass; each step takes its part of the round's queries."""
    learning_rate: float = 1e-3
    """AdamW."""
    clip_range: float = 0.2
    """Largest distance of the probability ratio from 1 that still has a gradient."""
    kl_coef: float = 0.0125
    """Weight of the KL to the scores at the start."""
    max_grad_norm: float = 1.0
    """Norm at which gradients are clipped."""
    seed: int = 0
    """Seed of queries, lists and clicks."""


class ListTrainer:
    """Trains a scorer in place: a module that takes positions of queries (b,) and rows of documents (b, C), and gives
    their scores (b, C)."""

    def __init__(
        self, scorer: nn.Module, n_queries: int, candidates: CandidatesOf, rewards: ListRewards, config: ListPPOConfig
    ) -> None:
        if config.lists_per_query < 2:
            raise ValueError(f"{config.lists_per_query} lists per query: each needs another as its baseline")
        self.scorer, self.config = scorer, config
        self._n_queries, self._candidates, self._rewards = n_queries, candidates, rewards
        self._reference = copy.deepcopy(scorer).requires_grad_(requires_grad=False)
        self._optimizer = torch.optim.AdamW(scorer.parameters(), lr=config.learning_rate, weight_decay=0.0)
        self._generator = torch.Generator().manual_seed(config.seed)  # draws lists
        self._rng = np.random.default_rng(config.seed)  # draws queries, minibatches and clicks

    def train(self, rounds: int) -> list[dict[str, float]]:
        """Run rounds; returns the metrics of each."""
        return [self.run_round() for _ in range(rounds)]

    def run_round(self) -> dict[str, float]:
        """Draw lists and update the weights on them; returns the mean reward of a list and the parts of the loss at
        the last step, with the KL of the first."""
        n = min(self.config.queries_per_round, self._n_queries)
        rows = np.sort(self._rng.choice(self._n_queries, n, replace=False)).astype(np.int64)
        documents = self._candidates(rows)
        batch, reward = self._experience(rows, documents)
        metrics: list[dict[str, float]] = []
        for _ in range(self.config.epochs):
            order = torch.from_numpy(self._rng.permutation(n))
            parts = order.tensor_split(min(self.config.minibatches, n))
            metrics += [self._step(rows, documents, batch, part) for part in parts]
        return {**metrics[-1], "kl": metrics[0]["kl"], "reward_mean": reward}

    @torch.no_grad()
    def _experience(self, rows: NDArray[np.int64], documents: CandidateDocuments) -> tuple[ListExperience, float]:
        """Lists of the present scores with their advantages, and the mean sum of rewards of a list."""
        config, places = self.config, torch.from_numpy(rows)
        present = self._scored(self.scorer, places, documents)
        lists = draw_lists(present, config.lists_per_query, config.length, self._generator)
        rewards = self._rewards(rows, _shown(documents, lists), self._rng)  # (N, L)
        returns = rewards_to_go(rewards, lists)
        advantages = leave_one_out_by_rank(returns, config.lists_per_query)
        scale = advantages[lists.mask].pow(2).mean().sqrt().clamp_min(1e-6)  # their mean is 0 at every rank
        reference = self._scored(self._reference, places, documents)
        batch = ListExperience(lists, list_log_probs(present, lists), advantages / scale, reference)
        return batch, float(returns[:, 0].mean())

    def _step(
        self, rows: NDArray[np.int64], documents: CandidateDocuments, batch: ListExperience, part: Tensor
    ) -> dict[str, float]:
        """One optimiser step on the queries at positions `part` of the round."""
        chosen = CandidateDocuments(*(each[part] for each in documents))
        present = self._scored(self.scorer, torch.from_numpy(rows)[part], chosen)
        objective = list_objective(present, batch.of_queries(part), self.config.clip_range, self.config.kl_coef)
        self._optimizer.zero_grad()
        objective.loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.scorer.parameters(), self.config.max_grad_norm)
        self._optimizer.step()
        return {name: float(value.detach()) for name, value in objective.parts.items()}

    def _scored(self, scorer: nn.Module, rows: Tensor, documents: CandidateDocuments) -> Candidates:
        return Candidates(scorer(rows, documents.documents) / self.config.temperature, documents.real)


def _shown(documents: CandidateDocuments, lists: Lists) -> NDArray[np.int64]:
    """(N, L) rows of the corpus of the listed documents, `NO_DOCUMENT` below the end of a list."""
    n_lists = lists.documents.shape[0] // documents.documents.shape[0]
    rows = documents.documents.repeat_interleave(n_lists, 0).gather(1, lists.documents)  # (N, L)
    return rows.masked_fill(~lists.mask, NO_DOCUMENT).numpy()
