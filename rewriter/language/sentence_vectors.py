"""The meaning of prompts: one vector for the queries of each, from a sentence encoder. No torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from untilclick.rewriter.language.prompts import Prompt
from untilclick.search.text.encoders.encoder import Encoder, Vectors
from untilclick.search.text.encoders.query_vectors import QueryVectors
from untilclick.search.text.encoders.session_vector import session_vector

MOST_TEXTS = 50_000
"""Largest number of texts whose vectors a training keeps; of 384 numbers each they fill 77 MB."""


class SentenceVectors:
    """Encodes the texts of prompts. Threads may share it, and copies of a policy do."""

    def __init__(self, queries: QueryVectors) -> None:
        self._queries = queries

    @classmethod
    def for_training(cls, encoder: Encoder) -> SentenceVectors:
        """Keeps so many texts that those of a log are encoded once."""
        return cls(QueryVectors(encoder, MOST_TEXTS))

    @property
    def encoder(self) -> Encoder:
        """The encoder of the texts."""
        return self._queries.encoder

    def of(self, prompts: Sequence[Prompt]) -> Vectors:
        """(B, e) float32 `session_vector` of each prompt's texts; zero for a prompt without texts."""
        vectors = iter(self._queries([text for prompt in prompts for text in prompt.texts]))
        rows = np.zeros((len(prompts), self.encoder.card.dimension), dtype=np.float32)  # (B, e)
        for row, prompt in enumerate(prompts):
            if prompt.texts:
                rows[row] = session_vector(np.stack([next(vectors) for _ in prompt.texts]))
        return rows

    def __deepcopy__(self, memo: object) -> SentenceVectors:
        """The same object: an encoder cannot be copied."""
        return self
