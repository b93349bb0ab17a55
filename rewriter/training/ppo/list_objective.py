"""The loss of PPO on lists of documents: the surrogate of `losses.py`, with a rank in the place of a token."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from untilclick.rewriter.policy.lists.plackett_luce import (
    Candidates,
    Lists,
    list_kl,
    list_log_probs,
    next_document,
)
from untilclick.rewriter.policy.sequences import member_positions
from untilclick.rewriter.training.ppo import losses
from untilclick.rewriter.training.ppo.objective import Objective


@dataclass(frozen=True)
class ListExperience:
    """N = B x G lists that were drawn for B queries, before the scores are changed."""

    lists: Lists
    log_probs: Tensor
    """(N, L) of each document at the time of drawing, 0 outside the mask."""
    advantages: Tensor
    """(N, L), 0 outside the mask."""
    reference: Candidates
    """The same candidates with the scores that the policy is kept near, (B, C)."""

    def of_queries(self, rows: Tensor) -> ListExperience:
        """The part of the queries at positions `rows` (b,)."""
        n_lists = self.lists.documents.shape[0] // self.reference.scores.shape[0]
        drawn = member_positions(rows, n_lists)
        return ListExperience(
            Lists(*(part[drawn] for part in self.lists)),
            self.log_probs[drawn],
            self.advantages[drawn],
            Candidates(*(part[rows] for part in self.reference)),
        )


def list_objective(candidates: Candidates, batch: ListExperience, clip_range: float, kl_coef: float) -> Objective:
    """The loss of the present scores (B, C) on lists drawn under earlier ones.

    The KL to the reference is summed over the ranks of a list. The loss is a mean over real ranks, so that sum is
    divided by their number, as the KL of terms is by the number of terms: `kl_coef` weighs both alike.
    """
    log_probs = list_log_probs(candidates, batch.lists)
    surrogate = losses.clipped_policy_loss(log_probs, batch.log_probs, batch.advantages, batch.lists.mask, clip_range)
    kl = _kl_per_rank(candidates, batch) if kl_coef else torch.zeros(())
    parts = {"policy_loss": surrogate.loss, "clip_share": surrogate.clip_share, "approx_kl": surrogate.approx_kl}
    return Objective(surrogate.loss + kl_coef * kl, {**parts, "kl": kl})


def _kl_per_rank(candidates: Candidates, batch: ListExperience) -> Tensor:
    """() KL to the reference per real rank, in nats."""
    with torch.no_grad():
        reference = next_document(batch.reference, batch.lists)
    return list_kl(next_document(candidates, batch.lists), reference, batch.lists).sum() / batch.lists.mask.sum()
