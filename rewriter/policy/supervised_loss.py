"""Cross-entropy of the first decoder step, by which base and warm start train a policy over index terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from untilclick.rewriter.language.soft_targets import SoftTarget
from untilclick.rewriter.policy.t5 import PromptBatch, T5Policy


class PaddedTargets(NamedTuple):
    """B soft targets, padded to one width."""

    ids: Tensor
    """(B, K) int64 token ids, or rows of the corpus; padded with 0."""
    weights: Tensor
    """(B, K) weights, 0 on padding."""


class TargetBatch(NamedTuple):
    """The targets of a batch of B prompts."""

    terms: Tensor
    """(B, K) int64 token ids."""
    term_weights: Tensor
    """(B, K) weights; a row sums to 1, or to 0 for a prompt without target terms."""
    documents: Tensor
    """(B, M) int64 rows of the corpus."""
    document_weights: Tensor
    """(B, M) weights; a row sums to 1, or to 0 for a prompt without target documents."""

    def to(self, device: torch.device) -> TargetBatch:
        """The same targets on a device."""
        return TargetBatch(*(part.to(device) for part in self))


def target_batch(terms: Sequence[SoftTarget], documents: Sequence[SoftTarget]) -> TargetBatch:
    """The batch of B target terms and B target documents, one of each for every prompt."""
    return TargetBatch(*pad_targets(terms), *pad_targets(documents))


def pad_targets(targets: Sequence[SoftTarget]) -> PaddedTargets:
    """The targets as arrays; K is the length of the longest, at least 1."""
    width = max(1, *(target.ids.size for target in targets))
    ids = torch.zeros(len(targets), width, dtype=torch.long)  # (B, K)
    weights = torch.zeros(len(targets), width)  # (B, K)
    for row, target in enumerate(targets):
        ids[row, : target.ids.size] = torch.from_numpy(target.ids)
        weights[row, : target.ids.size] = torch.from_numpy(target.weights)
    return PaddedTargets(ids, weights)


@dataclass(frozen=True)
class SupervisedLoss:
    """A weighted sum of cross-entropies, in nats. Without a memory, the mixture is the T5's distribution alone."""

    t5: float = 1.0
    """Weight of -sum_t w_t log p_T5(t | prompt)."""
    mixture: float = 0.0
    """Weight of -sum_t w_t log p(t | prompt) for the mixture of T5 and memory."""
    documents: float = 0.0
    """Weight of -sum_d w_d log p(d | prompt), which trains the memory's attention."""
    offset: Tensor | float = 0.0
    """(V,) added to the logits in the T5's cross-entropy, but not in the mixture."""

    def __call__(self, policy: T5Policy, batch: PromptBatch, targets: TargetBatch) -> Tensor:
        """() mean over the batch. No token is banned for the T5, so that it learns itself to leave out the query's
        terms; with the query's terms banned, their logits would have no gradient."""
        states = policy.first_states(batch)  # (B, d)
        logits = policy.logits(states, torch.zeros(1, dtype=torch.bool, device=states.device))  # (B, V)
        t5_log_probs = torch.log_softmax(logits + self.offset, dim=-1)  # (B, V)
        t5_loss = cross_entropy(t5_log_probs, targets.terms, targets.term_weights)
        memory = policy.memory
        if memory is None:
            return (self.t5 + self.mixture) * t5_loss
        log_attention = memory.log_attention(states, batch.meaning)  # (B, D)
        loss = self.t5 * t5_loss
        if self.mixture:
            recalled = memory.recall(log_attention, batch.banned)  # (B, V)
            mixed = memory.mix(torch.log_softmax(logits, dim=-1), recalled)  # (B, V)
            loss = loss + self.mixture * cross_entropy(mixed, targets.terms, targets.term_weights)
        if self.documents:
            documents = memory.remembered(targets.documents, targets.document_weights)
            loss = loss + self.documents * cross_entropy(log_attention, documents.positions, documents.weights)
        return loss


def cross_entropy(log_probs: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
    """() mean over the batch of -sum_k w_k log p(k), from log p (B, V) and the ids and weights (B, K) of targets."""
    return -(log_probs.gather(1, ids) * weights).sum(1).mean()
