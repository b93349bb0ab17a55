"""A memory of the corpus's documents that the policy attends to: what a query's documents say, as terms.

    p(term | query) = (1 - share) p_T5(term | query) + share sum_d p(d | query) p(term | d)
    p(d | query)    = softmax over documents of sharpness x cos(first decoder state, key_d)

The second part is a relevance model (Lavrenko & Croft, SIGIR 2001) whose documents are chosen by a learned state
where RM3 takes BM25's first ten: feedback from dense retrieval (Wang et al., "ColBERT-PRF", ICTIR 2021, for a much
larger model). Keys start in the latent semantic space, where an untrained state is the mean of its query's term
vectors, and are learned: a click says which document was meant, and its likelihood log p(d | query) is a loss of its
own beside that of the terms. A small T5 so need not keep the documents in its weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, nn
from torch.nn import functional

from untilclick.rewriter.language.log_space import TINY
from untilclick.rewriter.language.sparse_rows import entries_of
from untilclick.rewriter.language.vocabulary import PAD_ID
from untilclick.search.text.heaviest import heaviest


@dataclass(frozen=True)
class MemorySettings:
    """How the memory is read; where training begins."""

    sharpness: float = 12.0
    """Factor on the cosine of state and key before the softmax."""
    share: float = 0.5
    """Weight of the memory in the mixture, in (0, 1)."""
    neighbours: int = 128
    """Documents whose terms are read."""


class DocumentTerms(NamedTuple):
    """What is remembered of documents, see the buffers of `DocumentMemory`."""

    documents: Tensor
    """(D,)"""
    ids: Tensor
    """(D, K)"""
    weights: Tensor
    """(D, K)"""


class DocumentMemory(nn.Module):
    """Documents as keys and terms, and attention over them."""

    documents: Tensor
    """(D,) int64, rising: the row of each in the corpus, of which a large one is not remembered whole."""
    ids: Tensor
    """(D, K) int64, terms of each document, heaviest first; padded with PAD_ID."""
    weights: Tensor
    """(D, K) float32, their weights; each row sums to 1, or to 0 for a document without terms."""

    def __init__(self, terms: DocumentTerms, keys: Tensor, settings: MemorySettings) -> None:
        """`keys` (D, d) need not be unit vectors."""
        super().__init__()
        self.neighbours = settings.neighbours
        documents, ids, weights = terms
        self.register_buffer("documents", documents)
        self.register_buffer("ids", ids)
        self.register_buffer("weights", weights)
        self.keys = nn.Parameter(keys)
        # of one dimension, since DeepSpeed cannot pass on numbers without any
        self.log_sharpness = nn.Parameter(torch.tensor([math.log(settings.sharpness)]))
        self.share_logit = nn.Parameter(torch.tensor([math.log(settings.share / (1.0 - settings.share))]))

    def __len__(self) -> int:
        """Number of documents."""
        return int(self.ids.shape[0])

    @property
    def settings(self) -> MemorySettings:
        """How it is read now."""
        sharpness, share = self.log_sharpness.detach().exp(), self.share_logit.detach().sigmoid()
        return MemorySettings(float(sharpness), float(share), self.neighbours)

    def known(self, rows: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Where rows of the corpus (...) are remembered, and their weights (...), 0 for those that are not."""
        places = torch.searchsorted(self.documents, rows).clamp_max(len(self) - 1)
        return places, weights * (self.documents[places] == rows)

    def log_attention(self, states: Tensor) -> Tensor:
        """(B, D) log p(document | query) for states (B, d)."""
        likeness = functional.normalize(states, dim=1) @ functional.normalize(self.keys, dim=1).T
        return torch.log_softmax(self.log_sharpness.exp() * likeness, dim=1)

    def recall(self, log_attention: Tensor, banned: Tensor) -> Tensor:
        """(B, V) what the documents say that log p(document | query) (B, D) ranks highest, without terms `banned`
        (B, V). Rows sum to 1, or to 0 where nothing is left."""
        attention, rows = log_attention.topk(min(self.neighbours, len(self)), dim=1)
        shares = attention.exp()[:, :, None] * self.weights[rows]  # (B, n, K)
        terms = attention.new_zeros(banned.shape)
        terms = terms.scatter_add(1, self.ids[rows].flatten(1), shares.flatten(1)).masked_fill(banned, 0.0)
        return terms / terms.sum(1, keepdim=True).clamp_min(TINY)

    def mix(self, log_probs: Tensor, recalled: Tensor) -> Tensor:
        """(..., K) log-probabilities of the mixture of a T5's (..., K) and what was recalled (..., K); the T5's alone
        where nothing was."""
        share = self.share_logit.sigmoid() * (recalled.sum(-1, keepdim=True) > 0)
        return ((1.0 - share) * log_probs.exp() + share * recalled).clamp_min(TINY).log()


def remember(term_weights: csr_array, n_terms: int, most: int) -> DocumentTerms:
    """The `n_terms` heaviest terms of documents whose terms weigh `term_weights` (documents of the corpus, V); of
    more than `most` documents evenly spaced ones."""
    n_documents = term_weights.shape[0]
    kept = np.unique(np.linspace(0, n_documents - 1, min(most, n_documents)).round().astype(np.int64))
    ids = np.full((kept.size, n_terms), PAD_ID, dtype=np.int64)
    weights = np.zeros((kept.size, n_terms), dtype=np.float32)
    for place, row in enumerate(kept):
        terms, own = entries_of(term_weights, int(row))
        best = heaviest(own, n_terms)
        ids[place, : best.size] = terms[best]
        weights[place, : best.size] = own[best]
    weights /= np.maximum(weights.sum(1, keepdims=True), TINY)
    return DocumentTerms(torch.from_numpy(kept), torch.from_numpy(ids), torch.from_numpy(weights))


def semantic_keys(terms: DocumentTerms, vectors: Tensor) -> Tensor:
    """(D, d) the mean of the vectors (V, d) of each document's terms: what an untrained policy's state would be for
    them as a query."""
    return (vectors[terms.ids] * terms.weights[..., None]).sum(1)
