"""The meaning of prompts: one vector for the queries of each, from a sentence encoder. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
from cachetools import LRUCache

from untilclick.rewriter.language.prompts import Prompt
from untilclick.search.text.encoders.encoder import Encoder, Vectors
from untilclick.search.text.encoders.session_vector import session_vector

MOST_TEXTS = 50_000
"""Largest number of texts whose vectors are remembered; of 384 numbers each they fill 77 MB."""


class SentenceVectors:
    """Encodes the texts of prompts, each text once. Threads may share it, and copies of a policy do."""

    def __init__(self, encoder: Encoder, most: int = MOST_TEXTS) -> None:
        """`most` is the number of texts whose vectors are remembered, those used last."""
        self.encoder = encoder
        self._known: LRUCache[str, Vectors] = LRUCache(most)
        self._lock = Lock()

    def of(self, prompts: Sequence[Prompt]) -> Vectors:
        """(B, e) float32 `session_vector` of each prompt's texts; zero for a prompt without texts."""
        texts = sorted({text for prompt in prompts for text in prompt.texts})
        vectors = self._vectors(texts)
        rows = np.zeros((len(prompts), self.encoder.card.dimension), dtype=np.float32)  # (B, e)
        for row, prompt in enumerate(prompts):
            if prompt.texts:
                rows[row] = session_vector(np.stack([vectors[text] for text in prompt.texts]))
        return rows

    def _vectors(self, texts: Sequence[str]) -> Mapping[str, Vectors]:
        """The vector of each text; those that are not known are encoded in one batch."""
        with self._lock:
            known = {text: self._known[text] for text in texts if text in self._known}
        missing = [text for text in texts if text not in known]
        if missing:
            encoded = self.encoder.encode(missing, "query")  # (n, e)
            new = {text: vector.copy() for text, vector in zip(missing, encoded, strict=True)}
            with self._lock:
                self._known.update(new)
            known |= new
        return known

    def __deepcopy__(self, memo: object) -> SentenceVectors:
        """The same object: an encoder cannot be copied."""
        return self
