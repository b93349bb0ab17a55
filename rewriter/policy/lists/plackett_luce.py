"""The Plackett-Luce model of lists: documents are drawn one after another, without replacement, each by the softmax
of its score among those that remain (Luce, "Individual Choice Behavior", 1959; Plackett, "The Analysis of
Permutations", Applied Statistics 24(2), 1975).

As a policy over rankings it is that of Oosterhuis, "Computationally Efficient Optimization of Plackett-Luce Ranking
Models for Relevance and Fairness", SIGIR 2021. The probability of every rank is exact: the documents that remain are
normalised anew at each rank, in whatever precision the scores have. `without_replacement` of `policy/sampling.py`,
which subtracts probabilities instead, is cheaper and loses the digits of sharp distributions.

Shapes: B queries with C candidates each, G lists of each query, N = B x G lists of L documents, the G lists of one
query next to each other. A document is named by its position among the candidates of its query.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from untilclick.rewriter.language.log_space import MASKED_LOGIT
from untilclick.rewriter.policy.distributions import exact_kl
from untilclick.rewriter.policy.sequences import gumbel


class Candidates(NamedTuple):
    """The scores of the candidates of B queries. The policy at temperature t is that of scores divided by t."""

    scores: Tensor
    """(B, C)"""
    real: Tensor
    """(B, C) bool, False on padding, which is never drawn."""


class Lists(NamedTuple):
    """N drawn lists."""

    documents: Tensor
    """(N, L) int64, positions among the candidates, in the order of the list; arbitrary outside the mask."""
    mask: Tensor
    """(N, L) bool, False on the ranks of a query with fewer than L candidates that have no document."""


def draw_lists(candidates: Candidates, n_lists: int, length: int, generator: torch.Generator | None) -> Lists:
    """`n_lists` lists of at most `length` documents for each query, without gradients. If `generator` is None, the
    documents of the highest scores are taken.

    The L largest of score + Gumbel noise, in order, are L draws without replacement (Kool, van Hoof & Welling,
    "Stochastic Beams and Where to Find Them", ICML 2019).
    """
    scores = _masked(candidates)  # (B, C)
    noise = gumbel(torch.Size((scores.shape[0], n_lists, scores.shape[1])), generator, scores.device)
    length = min(length, scores.shape[1])
    drawn = (scores[:, None] + noise).topk(length, dim=-1).indices.flatten(0, 1)  # (N, L)
    sizes = candidates.real.sum(1).repeat_interleave(n_lists)  # (N,)
    return Lists(drawn, torch.arange(length, device=scores.device) < sizes[:, None])


def next_document(candidates: Candidates, lists: Lists) -> Tensor:
    """(N, L, C) log-probabilities of the document at each rank, given those above it; near `MASKED_LOGIT` for
    documents that are above it and for padding. At ranks outside the mask they mean nothing."""
    n_lists = lists.documents.shape[0] // candidates.scores.shape[0]
    scores = _masked(candidates).repeat_interleave(n_lists, 0)[:, None]  # (N, 1, C)
    remaining = scores.masked_fill(_above(lists, scores.shape[-1]), MASKED_LOGIT)  # (N, L, C)
    return torch.log_softmax(remaining, dim=-1)


def list_log_probs(candidates: Candidates, lists: Lists) -> Tensor:
    """(N, L) log-probability of the document at each rank, given those above it; 0 outside the mask. Their sum is the
    log-probability of the list. The same as in `next_document`, by sums over what remains, without its N x L x C
    numbers."""
    n_lists = lists.documents.shape[0] // candidates.scores.shape[0]
    scores = _masked(candidates).repeat_interleave(n_lists, 0)  # (N, C)
    drawn = scores.gather(1, lists.documents)  # (N, L)
    undrawn = scores.scatter(1, lists.documents, MASKED_LOGIT).logsumexp(1, keepdim=True)  # (N, 1)
    from_rank = drawn.flip(1).logcumsumexp(1).flip(1)  # (N, L) of the document at a rank and of those below it
    return (drawn - torch.logaddexp(undrawn, from_rank)).masked_fill(~lists.mask, 0.0)


def list_kl(distributions: Tensor, reference: Tensor, lists: Lists) -> Tensor:
    """(N,) the KL of the next document's distribution to that of the reference, both (N, L, C), summed over the ranks
    of each list, in nats.

    Its mean over lists that the policy draws is the KL of the policy over whole lists to the reference: the chain
    rule of relative entropy (Cover & Thomas, "Elements of Information Theory", 2006, 2.5.3). The gradient is that
    along drawn lists. What is left out is that the policy also decides which documents stand above a rank: that term
    needs the score function and has a high variance, and it vanishes where policy and reference are the same.
    """
    return exact_kl(distributions, reference).masked_fill(~lists.mask, 0.0).sum(1)


def _masked(candidates: Candidates) -> Tensor:
    return candidates.scores.masked_fill(~candidates.real, MASKED_LOGIT)


def _above(lists: Lists, n_candidates: int) -> Tensor:
    """(N, L, C) bool, True for documents that stand above a rank."""
    chosen = torch.nn.functional.one_hot(lists.documents, n_candidates)  # (N, L, C)
    return (chosen.cumsum(1) - chosen).bool()
