"""The loss of sentence-transformers on vectors: negatives are hard ones and those of the other queries of a batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

SCALE = 20.0
"""Factor on inner products, the library's default."""


class HardNegatives:
    """`MultipleNegativesRankingLoss` of sentence-transformers: InfoNCE whose negatives are the other queries'
    documents (Henderson et al., "Efficient Natural Language Response Suggestion for Smart Reply", 2017) and hard
    negatives of the query's own.

    It sees vectors alone, so no score of words.
    """

    def __init__(self, scale: float = SCALE) -> None:
        from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
        from sentence_transformers.util import dot_score

        model: Any = torch.nn.Identity()  # kept by the library, and not read for vectors
        self._loss = MultipleNegativesRankingLoss(model, scale=scale, similarity_fct=dot_score)

    def __call__(self, queries: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:
        """() mean loss of queries (B, d), a positive document each (B, d), and H hard negatives each (B, H, d)."""
        columns = [queries, positives, *negatives.unbind(1)]
        labels = torch.arange(len(queries))  # the library takes them and does not read them
        loss: Tensor = self._loss.compute_loss_from_embeddings(columns, labels)
        return loss
