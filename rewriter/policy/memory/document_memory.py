"""A memory of the corpus's documents: the policy attends to the documents of a query and recalls their terms.

    p(term | query) = (1 - share) p_T5(term | query) + share sum_d p(d | query) p(term | d)
    p(d | query)    = softmax over documents of sharpness x score(query, d)
    score(query, d) = (1 - meaning) cos(first decoder state, key_d) + meaning cos(e_query, e_d)

The second part is a relevance model (Lavrenko & Croft, SIGIR 2001). RM3 takes BM25's first ten documents for it; here
a learned state chooses them, as feedback from dense retrieval does in a much larger model (Wang et al.,
"ColBERT-PRF", ICTIR 2021). Keys start in the latent semantic space, where an untrained state is the mean of its
query's term vectors. They are learned: a click tells which document was meant, and -log p(d | query) is a loss beside
that of the terms. So a small T5 need not store the documents in its weights.

The vectors e are those of a pretrained sentence encoder, if there is one: they know of words what no log of the
corpus's own can teach. States and keys learn without them, what searchers of this corpus mean, and both are summed
where a query is read: two experts that were trained apart find more than one that was trained to complete the other
(Hinton, "Training Products of Experts by Minimizing Contrastive Divergence", Neural Computation 14(8), 2002, has the
two ways; docs/experiments.md, 2026-11-30, the figures).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.policy.memory.document_terms import DocumentTerms


@dataclass(frozen=True)
class MemorySettings:
    """How the memory is read: the start of training for `sharpness` and `share`."""

    sharpness: float = 12.0
    """Factor on the score of query and document before the softmax."""
    share: float = 0.5
    """Weight of the memory in the mixture, in (0, 1)."""
    neighbours: int = 128
    """Number of documents whose terms are read for a query."""
    meaning: float = 0.0
    """Weight of the sentence vectors in the score where a query is read, 0..1: with 0 states and keys decide alone,
    with 1 the encoder."""


class RememberedDocuments(NamedTuple):
    """Documents of the corpus as the memory knows them."""

    positions: Tensor
    """(...) int64, positions in the memory; arbitrary for a document that is not remembered."""
    weights: Tensor
    """(...) weights of the documents, 0 for those that are not remembered."""


class DocumentMemory(nn.Module):
    """D documents as keys and terms, and attention over them."""

    documents: Tensor
    """(D,) int64, rising: the row of each document in the corpus. Of a large corpus not all are remembered."""
    ids: Tensor
    """(D, K) int64, terms of each document, heaviest first; padded with PAD_ID."""
    weights: Tensor
    """(D, K) float32, weights of these terms; each row sums to 1, or to 0 for a document without terms."""
    vectors: Tensor | None
    """(D, e) float32 sentence vectors of the documents, of unit length or zero; None without an encoder."""

    def __init__(
        self, terms: DocumentTerms, keys: Tensor, settings: MemorySettings, vectors: Tensor | None = None
    ) -> None:
        """`keys` (D, d) are the keys at the start; they need not be unit vectors. `vectors` are needed if meaning
        counts."""
        super().__init__()
        assert vectors is not None or not settings.meaning
        self.neighbours, self.meaning = settings.neighbours, settings.meaning
        documents, ids, weights = terms
        self.register_buffer("documents", documents)
        self.register_buffer("ids", ids)
        self.register_buffer("weights", weights)
        # Not part of the state: copies of the weights need no copy of what never changes.
        self.register_buffer("vectors", vectors, persistent=False)
        self.keys = nn.Parameter(keys)
        # Logarithm and logit have no bounds that an optimiser step could leave. Their shape is (1,), because
        # DeepSpeed cannot pass on parameters without a dimension.
        self.log_sharpness = nn.Parameter(torch.tensor([math.log(settings.sharpness)]))
        self.share_logit = nn.Parameter(torch.tensor([math.log(settings.share / (1.0 - settings.share))]))

    def __len__(self) -> int:
        """Number of documents."""
        return int(self.ids.shape[0])

    @property
    def settings(self) -> MemorySettings:
        """The present settings, as learned so far."""
        sharpness, share = self.log_sharpness.detach().exp(), self.share_logit.detach().sigmoid()
        return MemorySettings(float(sharpness), float(share), self.neighbours, self.meaning)

    def remembered(self, rows: Tensor, weights: Tensor) -> RememberedDocuments:
        """The documents at rows of the corpus (...) with weights (...), as positions in the memory."""
        positions = torch.searchsorted(self.documents, rows).clamp_max(len(self) - 1)  # (...)
        return RememberedDocuments(positions, weights * (self.documents[positions] == rows))

    def scores(self, states: Tensor, meaning: Tensor | None = None) -> Tensor:
        """(B, D) score(query, document), in [-1, 1], for states (B, d) and the sentence vectors of the queries
        `meaning` (B, e); without them, as in training, the cosines of states and keys. A query without a vector,
        whose row is zero, is scored by its state alone, less sharply."""
        cosines = functional.normalize(states, dim=1) @ functional.normalize(self.keys, dim=1).T  # (B, D)
        if self.vectors is None or not self.meaning or meaning is None:
            return cosines
        return (1.0 - self.meaning) * cosines + self.meaning * (meaning @ self.vectors.T)

    def log_attention(self, states: Tensor, meaning: Tensor | None = None) -> Tensor:
        """(B, D) log p(document | query), from the same as `scores`."""
        return torch.log_softmax(self.log_sharpness.exp() * self.scores(states, meaning), dim=1)

    def recall(self, log_attention: Tensor, banned: Tensor) -> Tensor:
        """(B, V) distribution over the terms of the documents with the highest log p(document | query) (B, D),
        without the terms `banned` (B, V). A row sums to 1, or to 0 if no term remains."""
        attention, rows = log_attention.topk(min(self.neighbours, len(self)), dim=1)  # (B, n)
        shares = attention.exp()[:, :, None] * self.weights[rows]  # (B, n, K)
        terms = attention.new_zeros(banned.shape)  # (B, V)
        # Padding adds its weight of 0 to PAD_ID, which is banned besides.
        terms = terms.scatter_add(1, self.ids[rows].flatten(1), shares.flatten(1)).masked_fill(banned, 0.0)
        return terms / terms.sum(1, keepdim=True).clamp_min(TINY)

    def mix(self, log_probs: Tensor, recalled: Tensor) -> Tensor:
        """(..., K) log-probabilities of the mixture of the T5's log-probabilities (..., K) with the recalled
        distribution (..., K); the T5's alone for rows without a recalled term."""
        share = self.share_logit.sigmoid() * (recalled.sum(-1, keepdim=True) > 0)  # (..., 1)
        return ((1.0 - share) * log_probs.exp() + share * recalled).clamp_min(TINY).log()
