"""Cross-entropy of the first decoder step: what the base and the warm start teach a policy over index terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy


class Wanted(NamedTuple):
    """What is wanted of a batch."""

    terms: Tensor
    """(B, K) int64 token ids."""
    term_weights: Tensor
    """(B, K); rows sum to 1, or to 0 where no term is wanted."""
    documents: Tensor
    """(B, M) int64 rows of the corpus."""
    document_weights: Tensor
    """(B, M); rows sum to 1, or to 0 where no document is known."""

    def to(self, device: torch.device) -> Wanted:
        """The same on a device."""
        return Wanted(*(part.to(device) for part in self))


def wanted(terms: Sequence[SoftTarget], documents: Sequence[SoftTarget]) -> Wanted:
    """Pad what is wanted of each prompt."""
    return Wanted(*pad_targets(terms), *pad_targets(documents))


def pad_targets(targets: Sequence[SoftTarget]) -> tuple[Tensor, Tensor]:
    """(B, K) ids and weights; shorter targets are padded with weight 0."""
    width = max(1, *(target.ids.size for target in targets))
    ids = torch.zeros(len(targets), width, dtype=torch.long)
    weights = torch.zeros(len(targets), width)
    for row, target in enumerate(targets):
        ids[row, : target.ids.size] = torch.from_numpy(target.ids)
        weights[row, : target.ids.size] = torch.from_numpy(target.weights)
    return ids, weights


@dataclass(frozen=True)
class SupervisedLoss:
    """A weighted sum of cross-entropies, in nats. Without a memory the mixture is the T5."""

    t5: float = 1.0
    """Weight of -sum_t w_t log p_T5(t | prompt)."""
    mixture: float = 0.0
    """Weight of the same of T5 and memory together."""
    documents: float = 0.0
    """Weight of -sum_d w_d log p(d | prompt), which teaches the memory's attention."""
    offset: Tensor | float = 0.0
    """(V,) added to the logits of the T5 alone."""

    def __call__(self, policy: T5Policy, batch: PromptBatch, goal: Wanted) -> Tensor:
        """() mean over the batch. The T5 has nothing banned: learning that the query's own terms are not wanted costs
        nothing and keeps the softmax honest."""
        states = policy.first_states(batch)
        logits = policy.logits(states, torch.zeros(1, dtype=torch.bool, device=states.device))
        own = cross_entropy(torch.log_softmax(logits + self.offset, dim=-1), goal.terms, goal.term_weights)
        memory = policy.memory
        if memory is None:
            return (self.t5 + self.mixture) * own
        log_attention = memory.log_attention(states)
        loss = self.t5 * own
        if self.mixture:
            mixed = memory.mix(torch.log_softmax(logits, dim=-1), memory.recall(log_attention, batch.banned))
            loss = loss + self.mixture * cross_entropy(mixed, goal.terms, goal.term_weights)
        if self.documents:
            known = memory.known(goal.documents, goal.document_weights)
            loss = loss + self.documents * cross_entropy(log_attention, *known)
        return loss


def cross_entropy(log_probs: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """() mean over the batch of -sum_k w_k log p(k), for log p (B, V) and ids and weights (B, K)."""
    return -(log_probs.gather(1, ids) * weights).sum(1).mean()
