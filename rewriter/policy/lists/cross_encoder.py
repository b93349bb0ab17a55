"""A cross-encoder as a scorer of documents: a transformer reads query and document as one pair of texts.

Nogueira & Cho, "Passage Re-ranking with BERT", 2019. It sees which words of the two go together, which a bi-encoder,
whose vectors are made apart, does not; and it reads every pair anew, so that it can only rank candidates, and costs
as many readings as there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

MAX_TOKENS = 256
"""Longest pair; the longer text of a pair is cut."""


class CrossEncoder(nn.Module):
    """Scores of pairs of a query and a document, by a model for sequence classification with one label."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        queries: Sequence[str],
        documents: Sequence[str],
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        """`queries` and `documents` are the texts that `forward` knows by their positions."""
        super().__init__()
        self.model = model
        self._tokenizer, self._queries, self._documents = tokenizer, queries, documents
        self._max_tokens = max_tokens

    def score(self, pairs: Sequence[tuple[str, str]]) -> Tensor:
        """(n,) scores of n pairs of a query and a document."""
        texts = self._tokenizer(
            [query for query, _ in pairs],
            [document for _, document in pairs],
            padding=True,
            truncation="longest_first",
            max_length=self._max_tokens,
            return_tensors="pt",
        )
        logits: Tensor = self.model(**texts.to(self.model.device)).logits  # (n, 1)
        return logits[:, 0]

    def forward(self, rows: Tensor, documents: Tensor) -> Tensor:
        """(b, C) scores of the documents at positions (b, C) for the queries at positions `rows` (b,)."""
        pairs = [
            (self._queries[row], self._documents[place])
            for row, places in zip(rows.tolist(), documents.tolist(), strict=True)
            for place in places
        ]
        return self.score(pairs).view(documents.shape)
